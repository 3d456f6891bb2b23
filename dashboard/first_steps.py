"""The first steps of a new cabinet, «Яндекс → счетчики → звонки», until its first call is sent."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from calls.models import Call, Upload
from calls.states import HoldBack

LINK = "integrations:link-start"


@dataclass(frozen=True)
class FirstStep:
    """One step: what it is for, whether it is done, and its only button."""

    title: str | Promise
    text: str | Promise
    is_done: bool
    url: str
    label: str | Promise
    #: A form instead of a link.
    post: bool = False
    #: The first one that is not done.
    is_next: bool = False


def first_steps(cabinet: Cabinet) -> list[FirstStep]:
    """Return the steps; none once Metrika has a call of the cabinet. In four queries at most.

    What is done is told by the rows of accounts, counters, calls and uploads alone.
    """
    if Upload.objects.with_metrika().filter(counter__cabinet=cabinet).exists():
        return []
    is_linked = cabinet.yandex_accounts.linked().exists()
    is_configured = cabinet.counters.present().filter(configured_at__isnull=False).exists()
    ordinary = ~Q(hold_back=HoldBack.TRIAL) | Q(hold_back=None)
    has_calls = Call.objects.filter(ordinary, cabinet=cabinet).exists()
    return _with_next(
        [_yandex(is_linked), _counters(is_configured), _calls(has_calls, is_configured)]
    )


def _with_next(steps: list[FirstStep]) -> list[FirstStep]:
    place = next((number for number, one in enumerate(steps) if not one.is_done), len(steps) - 1)
    return [
        FirstStep(**{**vars(one), "is_next": number == place}) for number, one in enumerate(steps)
    ]


def _yandex(is_linked: bool) -> FirstStep:
    text = _("Подключите аккаунт, который видит ваши счетчики Метрики. Откроется страница Яндекса.")
    if is_linked:
        done = _("Аккаунт подключён.")
        return FirstStep(_("Яндекс"), done, True, reverse("counters:list"), _("К аккаунтам"))
    return FirstStep(
        _("Яндекс"), text, False, reverse(LINK), _("Открыть доступ к Метрике"), post=True
    )


def _counters(is_configured: bool) -> FirstStep:
    text = _("Выберите счетчик и сохраните его настройки: какие звонки в него отправлять.")
    if is_configured:
        text = _("Счетчик настроен.")
    label = _("К счетчикам") if is_configured else _("Выбрать счетчики")
    return FirstStep(_("Счетчики"), text, is_configured, reverse("counters:list"), label)


def _calls(has_calls: bool, is_configured: bool) -> FirstStep:
    """Return the last step; the steps end when its first call is with Metrika."""
    if has_calls:
        waits = _(
            "Звонки пришли. Первый подходящий уйдёт в Метрику сам, обычно за минуту-другую. Звонки"
            " до подключения счетчика отправляют из его настроек."
        )
        other = _("Звонки пришли и ждут настроек счетчика.")
        text = waits if is_configured else other
        return FirstStep(_("Звонки"), text, True, reverse("calls:list"), _("Смотреть звонки"))
    text = _("Выберите, как звонки приходят из CallKeeper, и настройте этот способ.")
    return FirstStep(_("Звонки"), text, False, reverse("cabinets:sources"), _("Выбрать способ"))
