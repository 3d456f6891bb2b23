"""Revokes at Yandex the tokens that no link of ours holds any more, as far as Yandex lets us.

A token that is merely forgotten lives on at Yandex for up to a year. Never call inside a
transaction: the answer may take a while.
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, field

from django.db.models import TextField
from django.db.models.functions import Cast

from cabinets.sealing import Sealed, UnsealFailed, unseal
from integrations.clients import oauth_client
from integrations.models import YandexAccount
from integrations.yandex.errors import YandexError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OrphanToken:
    """A token that perhaps nobody holds any more. ``yandex_uid`` is '' when it is not known."""

    access_token: str = field(repr=False)
    yandex_uid: str
    device_id: str

    @classmethod
    def of(cls, account: YandexAccount) -> OrphanToken:
        """Return the token that the account has now; '' when no key opens it."""
        return cls(_token_of(account), account.yandex_uid, account.device_id)


def revoke_orphan_tokens(stray: OrphanToken) -> bool:
    """Ask Yandex once to revoke the token unless a link still has it; return whether it did."""
    if not stray.access_token or _is_held(stray):
        return False
    try:
        with closing(oauth_client()) as client:
            return client.revoke(access_token=stray.access_token)
    except YandexError as problem:
        logger.warning("Yandex did not revoke a token of %s: %s", stray.yandex_uid, problem)
        return False


def _is_held(stray: OrphanToken) -> bool:
    """Whether a link has this very token (Yandex may give one out twice), or one of its device.

    Yandex revokes "the token of a device"; that another token of the same device outlives that is
    written nowhere, so a live link is not put at risk.
    """
    accounts = YandexAccount.objects.exclude(access_token="")
    if stray.yandex_uid:
        accounts = accounts.filter(yandex_uid=stray.yandex_uid)
    # Through a cast: the sealed text is opened here, where one that does not open is skipped.
    held = accounts.values_list("device_id", Cast("access_token", TextField()))
    return any(
        device_id == stray.device_id or _opened(sealed) == stray.access_token
        for device_id, sealed in held
    )


def _token_of(account: YandexAccount) -> str:
    try:
        return account.access_token
    except UnsealFailed:
        return ""


def _opened(sealed: str) -> str:
    try:
        return Sealed(unseal(sealed))
    except UnsealFailed:
        return ""
