"""Handles a token that Metrika refused: one refresh, else the account has to be reconnected."""

from __future__ import annotations

import logging

from integrations.linking import flow
from integrations.models import YandexAccount
from integrations.tokens import refresh
from integrations.tokens.account_state import Reason
from integrations.yandex.errors import YandexError

logger = logging.getLogger(__name__)


def handle_token_rejection(account: YandexAccount) -> bool:
    """Renew the account's token or move the account to «Требуется переподключение».

    Returns whether there is a token to try at once. Otherwise uploads wait in their rows, and are
    tried again after a pause when Yandex was unavailable.
    """
    try:
        return refresh.recover(account.pk, rejected_token=account.access_token)
    except YandexError as problem:
        logger.warning("token of %s cannot be checked now: %s", account.login, problem)
        return False


def mark_missing_scope(account: YandexAccount) -> None:
    """Require reconnection when the token was granted without the right to upload.

    When its rights are not known, the hourly refresh of the counters detects it.
    """
    if account.scopes and not flow.may_upload(account.scopes):
        refresh.mark_reauth_required(account.pk, Reason.SCOPE_LOST)
