"""What delivery does when Metrika refuses a token: one refresh, else the account says so itself."""

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

    Returns whether there is a token worth trying at once. Nothing is lost otherwise: what was to
    be sent waits in its row, and asks again after a pause when Yandex could not be asked.
    """
    try:
        return refresh.recover(account.pk, rejected_token=account.access_token)
    except YandexError as problem:
        logger.warning("token of %s cannot be checked now: %s", account.login, problem)
        return False


def mark_missing_scope(account: YandexAccount) -> None:
    """Ask for a new link when the token was granted without the right to upload.

    When that is not known, the hourly look at the counters finds the contradiction.
    """
    if account.scopes and not flow.may_upload(account.scopes):
        refresh.mark_reauth_required(account.pk, Reason.SCOPE_LOST)
