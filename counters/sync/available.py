"""The counters an account sees in Metrika now, and which of them this cabinet may add."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from counters.hosts import normalise_host
from counters.models import Counter
from integrations.api_call import call_metrika
from integrations.models import YandexAccount
from integrations.yandex.records import CounterInfo

#: https://yandex.com/dev/metrika/en/management/openapi/counter/counters
PERMISSIONS: dict[str, str | Promise] = {
    "own": _("Владелец"),
    "edit": _("Редактирование"),
    "view": _("Просмотр"),
    "view_access_filter": _("Просмотр с фильтром"),
    "analyst": _("Аналитик"),
    "analyst_access_filter": _("Аналитик с фильтром"),
}
NO_EDITING = _("Звонки отправлять нельзя: попросите владельца дать право на редактирование")
ACTIVE = "Active"


@dataclass(frozen=True)
class AvailableCounter:
    """A counter of the account as the page «Добавить счетчики» shows it.

    ``disabled_reason`` is empty for what may be added; ``added_through`` is the login of another
    account through which the cabinet already has the counter.
    """

    info: CounterInfo
    disabled_reason: str | Promise = ""
    already_added: bool = False
    added_through: str = ""
    chosen: bool = False

    @property
    def number(self) -> int:
        return self.info.number

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def site(self) -> str:
        return self.info.site

    @property
    def owner_login(self) -> str:
        return self.info.owner_login

    @property
    def created_at(self) -> datetime | None:
        return self.info.create_time

    @property
    def permission_text(self) -> str | Promise:
        return PERMISSIONS.get(self.info.permission, self.info.permission)

    @property
    def can_be_added(self) -> bool:
        return not self.already_added and not self.disabled_reason


def available_counters(account: YandexAccount) -> list[AvailableCounter]:
    """Fetch what the account sees, deleted counters left out. Raises MetrikaUnavailable.

    Makes requests: never call inside a transaction.
    """
    infos = visible_counters(account)
    present = _present_counters(account, [info.number for info in infos])
    return [_available(account, info, present.get(info.number)) for info in infos]


def visible_counters(account: YandexAccount) -> list[CounterInfo]:
    """Fetch the counters that the account sees and that are not deleted. Raises MetrikaUnavailable.

    Makes requests: never call inside a transaction.
    """
    infos = call_metrika(account, lambda client: client.counters())
    return [info for info in infos if info.status in (ACTIVE, "")]


def facts_of(info: CounterInfo) -> dict[str, Any]:
    """Return Metrika's facts as columns of a Counter."""
    hosts = dict.fromkeys(normalise_host(mirror) for mirror in info.mirrors)
    return {
        "name": (info.name or info.site or str(info.number))[:255],
        "site": info.site[:255],
        "site_host": normalise_host(info.site),
        "mirror_hosts": [host for host in hosts if host],
        "owner_login": info.owner_login[:255],
        "permission": info.permission[:32],
        "time_zone": info.time_zone_name[:64] or "Europe/Moscow",
        "created_in_metrika_at": info.create_time,
    }


def _present_counters(account: YandexAccount, numbers: Iterable[int]) -> dict[int, Counter]:
    """Return the cabinet's counters of these numbers, by number."""
    present = (
        Counter.objects.present()
        .select_related("account")
        .filter(cabinet_id=account.cabinet_id, number__in=numbers)
    )
    return {counter.number: counter for counter in present}


def _available(
    account: YandexAccount, info: CounterInfo, present: Counter | None
) -> AvailableCounter:
    if present and present.account_id == account.pk:
        return AvailableCounter(info, already_added=True)
    if present and present.is_reachable:
        return AvailableCounter(info, already_added=True, added_through=present.account.login)
    # A counter that its other account cannot reach may be added again: that moves it here.
    return AvailableCounter(info, disabled_reason="" if info.can_upload else NO_EDITING)
