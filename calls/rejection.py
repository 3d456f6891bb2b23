"""What delivery does when Metrika refuses a token: one refresh, else the account says so itself."""

from __future__ import annotations

import logging

from integrations import tokens
from integrations.models import YandexAccount
from integrations.yandex.errors import YandexError

logger = logging.getLogger(__name__)


def answer_rejection(account: YandexAccount) -> None:
    """Renew the account's token or move the account to «Требуется переподключение».

    Nothing is lost either way: what was to be sent waits in its row. When Yandex cannot be asked
    now, the next tick meets the same refusal and asks again.
    """
    try:
        tokens.recover(account.pk, rejected_token=account.access_token)
    except YandexError as problem:
        logger.warning("token of %s cannot be checked now: %s", account.login, problem)
