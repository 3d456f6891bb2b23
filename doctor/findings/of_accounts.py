"""Checks of Yandex accounts: token, rights, the last answer of Metrika, the limit of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.queries.blockers import pauses_of_accounts
from counters.pages.status import status_of_account
from doctor.findings.check import FAULT, FINE, NOTE, WARNING, Check, Cure
from doctor.models import ExaminationStep
from integrations.api_call import CODES
from integrations.models import RequestDay, YandexAccount

#: The list of counters is read every hour; later than this something holds it up.
LATE = timedelta(hours=3)
#: From this share of the day's requests on it is a warning.
NEAR_LIMIT = 0.8
_TOKEN = gettext_lazy("Доступ к Яндексу")
_RIGHTS = gettext_lazy("Разрешения")
_ANSWER = gettext_lazy("Ответ Метрики")
_LIMIT = gettext_lazy("Лимит запросов")


def checks_of_accounts(
    accounts: Sequence[YandexAccount], *, now: datetime
) -> dict[int, list[Check]]:
    """Return the checks by account id, in three queries.

    Load them with ``counters_in_use``: calls wait for a disconnected account only with some.
    """
    pauses = pauses_of_accounts(accounts, now=now)
    used = _requests_today(accounts, now)
    problems = _problems(accounts)
    found: dict[int, list[Check]] = {}
    for one in accounts:
        found[one.pk] = [_token(one)]
        if one.is_usable:
            found[one.pk] += [
                _rights(one),
                _answer(one, problems, now),
                _limit(used.get(one.yandex_uid, 0), pauses.get(one.pk, "")),
            ]
    return found


def _token(account: Any) -> Check:
    status = status_of_account(account)
    if status is not None:
        if not account.is_linked and not account.counters_in_use:
            text = _("Аккаунт отключён. Включённых счетчиков у него нет.")
            return Check(_TOKEN, NOTE, text, reconnect(account))
        return Check(_TOKEN, FAULT, status.sentence or status.text, reconnect(account), "reconnect")
    if account.state == YandexAccount.State.REFRESH_FAILED:
        text = _("Ключ пока действует, но продлить его не удалось: переподключите аккаунт заранее.")
        return Check(_TOKEN, WARNING, text, reconnect(account), "reconnect_soon")
    return Check(_TOKEN, FINE, _("Ключ действует."))


def _rights(account: YandexAccount) -> Check:
    missing = sorted(set(settings.YANDEX_SCOPES) - set(account.scopes)) if account.scopes else []
    if missing:
        text = _(
            "Не хватает разрешений: %(scopes)s. Переподключите аккаунт и оставьте все отмеченными."
        )
        return Check(_RIGHTS, FAULT, text % {"scopes": ", ".join(missing)}, reconnect(account))
    return Check(_RIGHTS, FINE, _("Все нужные разрешения выданы."))


def _answer(account: YandexAccount, problems: Mapping[int, str], now: datetime) -> Check:
    url = reverse("counters:check-access", args=[account.pk])
    check = Cure(url, _("Проверить"), is_post=True)
    if account.pk in problems:
        sentence = str(CODES.get(problems[account.pk], ""))
        text = _("При последней проверке списка счетчиков: %(reason)s") % {"reason": sentence}
        return Check(_ANSWER, WARNING, text, check)
    at = account.counters_refreshed_at
    if at is None:
        return Check(_ANSWER, NOTE, _("Список счетчиков ещё не читали."), check)
    text = _("Список счетчиков прочитан %(at)s.") % {
        "at": date_format(timezone.localtime(at), "j E, H:i")
    }
    if at < now - LATE:
        return Check(_ANSWER, WARNING, text + _(" Обычно его читают каждый час."), check)
    return Check(_ANSWER, FINE, text)


def _limit(used: int, pause: str) -> Check:
    if pause:
        return Check(_LIMIT, WARNING, pause, help_code="quota")
    most = settings.METRIKA_DAILY_REQUESTS
    text = _("Сегодня сделано запросов: %(used)d из %(most)d.") % {"used": used, "most": most}
    if used >= most * NEAR_LIMIT:
        rest = _(" Когда лимит кончится, отправка продолжится в 03:00 по Москве.")
        return Check(_LIMIT, WARNING, text + rest, help_code="quota")
    return Check(_LIMIT, FINE, text)


def reconnect(account: YandexAccount) -> Cure:
    """Return the button that leads to Yandex, to link the account anew."""
    url = reverse("integrations:link-reauthorise", args=[account.pk])
    label = _("Переподключить") if account.is_linked else _("Подключить снова")
    return Cure(url, label, is_post=True)


def _requests_today(accounts: Sequence[YandexAccount], now: datetime) -> dict[str, int]:
    days = RequestDay.objects.filter(
        yandex_uid__in=[one.yandex_uid for one in accounts], day=now.astimezone(UTC).date()
    )
    total = F("uploads") + F("polls") + F("looks") + F("other")
    return dict(days.annotate(total=total).values_list("yandex_uid", "total"))


def _problems(accounts: Sequence[YandexAccount]) -> dict[int, str]:
    """Return why the list was not read at the last check, unless it was read since."""
    failed = ExaminationStep.objects.filter(
        account__in=[one.pk for one in accounts], counter=None, done_at__isnull=False
    ).exclude(problem="")
    is_read_since = Q(account__counters_refreshed_at__gt=F("done_at"))
    return dict(failed.exclude(is_read_since).values_list("account_id", "problem"))
