"""What an account sees in Metrika right now, and which of it this cabinet may add."""

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
VIEW_ONLY = _("Только просмотр: попросите владельца дать право на редактирование")
ACTIVE = "Active"


@dataclass(frozen=True)
class AvailableCounter:
    """A counter of the account as the choosing page shows it.

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


def offers(account: YandexAccount) -> list[AvailableCounter]:
    """Return a fresh list of what the account sees, deleted counters left out.

    Raises asking.MetrikaUnavailable. Makes requests: never call inside a transaction.
    """
    infos = seen_counters(account)
    taken = _taken(account, [info.number for info in infos])
    return [_offer(account, info, taken.get(info.number)) for info in infos]


def seen_counters(account: YandexAccount) -> list[CounterInfo]:
    """Return the live counters that the account sees. Raises asking.MetrikaUnavailable."""
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


def is_reachable(counter: Counter) -> bool:
    """Whether the counter can be written to through the account it has now."""
    return counter.account.is_usable and counter.access == Counter.Access.OK


def _taken(account: YandexAccount, numbers: Iterable[int]) -> dict[int, Counter]:
    present = Counter.objects.select_related("account").filter(
        cabinet_id=account.cabinet_id, number__in=numbers, removed_at__isnull=True
    )
    return {counter.number: counter for counter in present}


def _offer(account: YandexAccount, info: CounterInfo, taken: Counter | None) -> AvailableCounter:
    if taken and taken.account_id == account.pk:
        return AvailableCounter(info, already_added=True)
    if taken and is_reachable(taken):
        return AvailableCounter(info, already_added=True, added_through=taken.account.login)
    # A counter stranded with another account is offered again: adding it here rescues it.
    return AvailableCounter(info, disabled_reason="" if info.can_upload else VIEW_ONLY)
