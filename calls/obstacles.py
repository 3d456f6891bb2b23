"""What keeps a counter's calls waiting: the switch, its account, its access, or a pause."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from counters.models import Counter
from integrations.models import RequestDay, YandexAccount

_OF_ACCESS: dict[str, str | Promise] = {
    Counter.Access.VIEW_ONLY: gettext_lazy(
        "На счётчик осталось только право просмотра: попросите владельца дать право на "
        "редактирование. Звонки ждут."
    ),
    Counter.Access.LOST: gettext_lazy(
        "Доступ к счётчику потерян: попросите владельца вернуть его. Звонки ждут."
    ),
    Counter.Access.DELETED: gettext_lazy("Счётчик удалён в Метрике: отправлять некуда."),
}
_OF_ACCOUNT: dict[str, str | Promise] = {
    YandexAccount.State.REAUTH_REQUIRED: gettext_lazy(
        "Аккаунт Яндекса требует переподключения. Звонки ждут и уйдут после него."
    ),
    YandexAccount.State.DISCONNECTED: gettext_lazy(
        "Аккаунт Яндекса отключён. Звонки ждут и уйдут, если подключить его снова."
    ),
}


def obstacle_of(counter: Counter, *, now: datetime) -> str:
    """Return why nothing of this counter is sent now, in Russian; empty when nothing blocks.

    Asks one question of the database, and none when a nearer cause is known. Load the counter
    with its account.
    """
    if counter.removed_at is not None:
        return _("Счётчик удалён из кабинета: ничего не отправляется.")
    if not counter.enabled:
        return _("Счётчик выключен. Звонки ждут, пока его не включат.")
    blocked = _OF_ACCOUNT.get(counter.account.state) or _OF_ACCESS.get(counter.access)
    return str(blocked) if blocked else _pause(counter.account.yandex_uid, now)


def _pause(yandex_uid: str, now: datetime) -> str:
    until = (
        RequestDay.objects.filter(yandex_uid=yandex_uid, paused_until__gt=now)
        .order_by("-paused_until")
        .values_list("paused_until", flat=True)
        .first()
    )
    if until is None:
        return ""
    moment = date_format(timezone.localtime(until), "j E, H:i")
    return _("Метрика просит паузу: продолжим %(moment)s.") % {"moment": moment}
