"""Puts one question to Metrika as an account: within its budget, renewing its token once.

Never call inside a transaction: the answer may take a minute.
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
from integrations.clients import metrika_client
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
from integrations.yandex.metrika import MetrikaClient

logger = logging.getLogger(__name__)

T = TypeVar("T")
Question = Callable[[MetrikaClient], T]

RECONNECT = _("Яндекс больше не принимает доступ этого аккаунта: переподключите его.")
UNREADABLE = _("Сохранённый ключ этого аккаунта не читается: переподключите его.")
CUT_OFF = _("Аккаунт Яндекса отключён от кабинета: подключите его снова.")
BUSY = _("К Метрике сейчас идёт слишком много запросов. Повторите через минуту.")
DAY_SPENT = _("Дневной лимит запросов к Метрике исчерпан. Он обновится в 03:00 по Москве.")
SILENT = _("Метрика сейчас не отвечает. Повторите через несколько минут.")
SLOW = _("Метрика отвечает медленно, и её ответа уже ждут другие. Повторите через минуту.")
NO_ACCESS = _("У аккаунта больше нет доступа к этому счетчику.")
NO_COUNTER = _("Такого счетчика в Метрике нет: возможно, его удалили.")
STRANGE = _("Метрика ответила непонятно. Повторите позже; если не поможет, напишите в поддержку.")


#: How long a person's question waits for its turn before it is put off.
PATIENCE_SECONDS = 3
#: What waits longer waits for another day.
A_MOMENT = timedelta(minutes=5)


class MetrikaUnavailable(Exception):
    """Metrika gave no usable answer. ``sentence`` says in Russian why and what to do."""

    def __init__(self, sentence: str | Promise) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def ask(account: YandexAccount, question: Question[T]) -> T:
    """Return Metrika's answer. Raises NotAnswered; a dead token also moves the account's state."""
    if account.state == YandexAccount.State.DISCONNECTED:
        raise MetrikaUnavailable(CUT_OFF)
    if not account.is_usable:
        raise MetrikaUnavailable(RECONNECT)
    try:
        with acquire():
            return _ask_renewing(account, question)
    except NoFreeSlot:
        raise MetrikaUnavailable(SLOW) from None
    except UnsealFailed:
        logger.error("account %s: no key opens its token", account.pk)
        raise MetrikaUnavailable(UNREADABLE) from None


def _ask_renewing(account: YandexAccount, question: Question[T]) -> T:
    try:
        return _ask_once(account, question)
    except TokenRejected:
        return _ask_with_renewed_token(account, question)


def _ask_with_renewed_token(account: YandexAccount, question: Question[T]) -> T:
    if not _is_renewed(account):
        raise MetrikaUnavailable(RECONNECT)
    account.refresh_from_db()
    try:
        return _ask_once(account, question)
    except TokenRejected:
        refresh.mark_reauth_required(account.pk, Reason.TOKEN_REJECTED)
        raise MetrikaUnavailable(RECONNECT) from None


def _is_renewed(account: YandexAccount) -> bool:
    try:
        return refresh.recover(account.pk, rejected_token=account.access_token)
    except Unreachable:
        raise MetrikaUnavailable(SILENT) from None


def _ask_once(account: YandexAccount, question: Question[T]) -> T:
    try:
        with (
            request_budget.request(
                account.yandex_uid, request_budget.Kind.OTHER, patience_seconds=PATIENCE_SECONDS
            ) as lease,
            closing(metrika_client(account, lease.before_request)) as client,
        ):
            return question(client)
    except request_budget.BudgetSpent as spent:
        raise MetrikaUnavailable(_sentence_of_budget(spent)) from None
    except TokenRejected:
        raise
    except YandexError as error:
        if isinstance(error, QuotaExceeded):
            pauses.apply_quota_error(account.yandex_uid, error, now=timezone.now())
        logger.warning("account %s: %s", account.pk, error)
        raise MetrikaUnavailable(_sentence_of_error(error)) from error


def _sentence_of_budget(spent: request_budget.BudgetSpent) -> str | Promise:
    is_long = spent.retry_at - timezone.now() > A_MOMENT
    return DAY_SPENT if spent.reason == "day" or is_long else BUSY


def _sentence_of_error(error: YandexError) -> str | Promise:
    match error:
        case QuotaExceeded():
            return DAY_SPENT if error.quota in ("day", "counter") else BUSY
        case Unreachable():
            return SILENT
        case AccessDenied():
            return NO_ACCESS
        case NotFound():
            return NO_COUNTER
        case _:
            return STRANGE
