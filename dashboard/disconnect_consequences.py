"""Says what disconnecting an account will do, before it is done. A door: it counts in every app."""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.queries.stats import Waiting, waiting_of_account
from integrations.models import YandexAccount


def of_disconnecting(account: YandexAccount) -> list[str]:
    """Return the consequences as sentences, the weightiest first."""
    return [
        *_about_counters(account.counters.filter(removed_at=None).count()),
        *_about_waiting(waiting_of_account(account)),
        _("Счетчики, их настройки и история останутся в кабинете."),
        _("Уже отправленное в Метрику останется там."),
        _("Чтобы отправка продолжилась, подключите этот же аккаунт снова."),
    ]


def _about_counters(count: int) -> list[str]:
    if not count:
        return []
    return [_("Счетчиков, в которые перестанут уходить звонки: %(count)d.") % {"count": count}]


def _about_waiting(waiting: Waiting) -> list[str]:
    if not waiting.count:
        return []
    sentences = [
        _("Отправок, которые уже ждут и останутся ждать: %(count)d.") % {"count": waiting.count}
    ]
    if waiting.earliest_expiry:
        date = date_format(timezone.localtime(waiting.earliest_expiry), "j E Y, H:i")
        sentences.append(
            _(
                "Метрика связывает звонок с визитом только 21 день: первый из ждущих опоздает"
                " %(date)s."
            )
            % {"date": date}
        )
    return sentences
