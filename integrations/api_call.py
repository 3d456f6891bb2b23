"""Makes one call to Metrika as an account: within its request budget, renewing its token once.

Never call it inside a transaction: the answer may take a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import TypeVar

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinets.sealing import UnsealFailed
from cabinets.support import with_support
from integrations.clients import logs_client, metrika_client
from integrations.installation import words
from integrations.installation.guard import SendingHalted
from integrations.limits import pauses, request_budget
from integrations.limits.web_slots import NoFreeSlot, acquire
from integrations.models import YandexAccount
from integrations.tokens import refresh
from integrations.tokens.account_state import Reason
from integrations.yandex.errors import (
    AccessDenied,
    NotFound,
    QuotaExceeded,
    TokenRejected,
    Unreachable,
    YandexError,
)
from integrations.yandex.logs import LogsClient
from integrations.yandex.metrika import MetrikaClient

logger = logging.getLogger(__name__)

T = TypeVar("T")
Call = Callable[[MetrikaClient], T]

RECONNECT = _("Яндекс больше не принимает доступ этого аккаунта: переподключите его.")
UNREADABLE = _("Сохранённый ключ этого аккаунта не читается: переподключите его.")
DISCONNECTED = _("Аккаунт Яндекса отключён от кабинета: подключите его снова.")
BUSY = _("К Метрике сейчас идёт слишком много запросов. Повторите через минуту.")
DAY_SPENT = _("Дневной лимит запросов к Метрике исчерпан. Он обновится в 03:00 по Москве.")
NO_ANSWER = _("Метрика сейчас не отвечает. Повторите через несколько минут.")
SLOW = _("Метрика отвечает медленно, и её ответа уже ждут другие. Повторите через минуту.")
NO_ACCESS = _("У аккаунта больше нет доступа к этому счетчику.")
NO_COUNTER = _("Такого счетчика в Метрике нет: возможно, его удалили.")
UNEXPECTED_ANSWER = with_support(
    _(
        "Метрика ответила непонятно. Повторите позже; если не поможет, напишите в поддержку:"
        " {support}."
    )
)

#: The sentences by codes that can be stored.
CODES: dict[str, Promise | str] = {
    "reconnect": RECONNECT,
    "unreadable": UNREADABLE,
    "disconnected": DISCONNECTED,
    "busy": BUSY,
    "day_spent": DAY_SPENT,
    "no_answer": NO_ANSWER,
    "slow": SLOW,
    "no_access": NO_ACCESS,
    "no_counter": NO_COUNTER,
    "unexpected_answer": UNEXPECTED_ANSWER,
}

#: How long a call waits for a free slot or second: a person is waiting for the page.
MAX_WAIT_SECONDS = 3
#: A longer wait is told as a spent day.
SHORT_WAIT = timedelta(minutes=5)


class MetrikaUnavailable(Exception):
    """Metrika gave no usable answer. ``sentence`` says in Russian why, and what to do."""

    def __init__(self, sentence: str | Promise) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def code_of(problem: MetrikaUnavailable) -> str:
    """Return the code of the sentence; that of no answer for a sentence without one."""
    sentence = str(problem.sentence)
    return next((code for code, one in CODES.items() if str(one) == sentence), "no_answer")


def call_metrika(account: YandexAccount, call: Call[T]) -> T:
    """Return the result of ``call``. Raises MetrikaUnavailable.

    A token that cannot be renewed also moves the account to «Требуется переподключение».
    """

    def once() -> T:
        kind, lasts = request_budget.Kind.OTHER, MAX_WAIT_SECONDS
        with (
            request_budget.request(account.yandex_uid, kind, max_wait_seconds=lasts) as lease,
            closing(metrika_client(account, lease.before_request)) as client,
        ):
            return call(client)

    return _answered(account, once)


def call_logs(
    account: YandexAccount, call: Callable[[LogsClient, request_budget.Lease], T], *, counter: int
) -> T:
    """Return the result of ``call`` to the Logs API, under the same conditions.

    For workers: it waits for no slot. The lease is to be prolonged while a long body is read.
    """

    def once() -> T:
        kind = request_budget.Kind.LOGS
        with (
            request_budget.request(account.yandex_uid, kind, counter=counter) as lease,
            closing(logs_client(account, lease.before_request)) as client,
        ):
            return call(client, lease)

    return _answered(account, once)


def _answered(account: YandexAccount, once: Callable[[], T]) -> T:
    if not account.is_linked:
        raise MetrikaUnavailable(DISCONNECTED)
    if not account.is_usable:
        raise MetrikaUnavailable(RECONNECT)
    try:
        with acquire():
            return _call_with_renewal(account, once)
    except NoFreeSlot:
        raise MetrikaUnavailable(SLOW) from None
    except UnsealFailed:
        logger.error("account %s: no key opens its token", account.pk)
        raise MetrikaUnavailable(UNREADABLE) from None


def _call_with_renewal(account: YandexAccount, once: Callable[[], T]) -> T:
    try:
        return _call_once(account, once)
    except TokenRejected:
        return _retry_with_renewed_token(account, once)


def _retry_with_renewed_token(account: YandexAccount, once: Callable[[], T]) -> T:
    if not _renew_token(account):
        raise MetrikaUnavailable(RECONNECT)
    account.refresh_from_db()
    try:
        return _call_once(account, once)
    except TokenRejected:
        refresh.mark_reauth_required(account.pk, Reason.TOKEN_REJECTED)
        raise MetrikaUnavailable(RECONNECT) from None


def _renew_token(account: YandexAccount) -> bool:
    try:
        return refresh.recover(account.pk, rejected_token=account.access_token)
    except Unreachable:
        raise MetrikaUnavailable(NO_ANSWER) from None


def _call_once(account: YandexAccount, once: Callable[[], T]) -> T:
    try:
        return once()
    except request_budget.BudgetSpent as spent:
        raise MetrikaUnavailable(_sentence_for_budget(spent)) from spent
    except TokenRejected:
        raise
    except YandexError as error:
        if isinstance(error, QuotaExceeded):
            pauses.apply_quota_error(account.yandex_uid, error, now=timezone.now())
        logger.warning("account %s: %s", account.pk, error)
        raise MetrikaUnavailable(_sentence_for_error(error)) from error


def _sentence_for_budget(spent: request_budget.BudgetSpent) -> str | Promise:
    is_long = spent.retry_at - timezone.now() > SHORT_WAIT
    return DAY_SPENT if spent.reason == "day" or is_long else BUSY


def _sentence_for_error(error: YandexError) -> str | Promise:
    match error:
        case SendingHalted():
            return words.halt_notice() or NO_ANSWER
        case QuotaExceeded():
            return DAY_SPENT if error.quota in ("day", "counter") else BUSY
        case Unreachable():
            return NO_ANSWER
        case AccessDenied():
            return NO_ACCESS
        case NotFound():
            return NO_COUNTER
        case _:
            return UNEXPECTED_ANSWER
