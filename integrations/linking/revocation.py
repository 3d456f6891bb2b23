"""Revokes tokens that no link uses any more, as far as Yandex allows it.

A token that is only deleted here stays valid at Yandex for up to a year. Never call this inside a
transaction: the answer may take a while.
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, field

from django.db.models import TextField
from django.db.models.functions import Cast

from cabinets.sealing import Secret, UnsealFailed, unseal
from integrations.clients import oauth_client
from integrations.models import YandexAccount
from integrations.yandex.errors import YandexError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OrphanToken:
    """A token that a link may no longer use. ``yandex_uid`` is '' when it is not known."""

    access_token: str = field(repr=False)
    yandex_uid: str
    device_id: str

    @classmethod
    def of(cls, account: YandexAccount) -> OrphanToken:
        """Return the account's present token; '' when no key opens it."""
        return cls(_readable_token(account), account.yandex_uid, account.device_id)


def revoke_orphan_token(token: OrphanToken) -> bool:
    """Revoke the token at Yandex, in one attempt, unless a link uses it; return whether it did."""
    if not token.access_token or _is_in_use(token):
        return False
    try:
        with closing(oauth_client()) as client:
            return client.revoke(access_token=token.access_token)
    except YandexError as error:
        logger.warning("Yandex did not revoke a token of %s: %s", token.yandex_uid, error)
        return False


def _is_in_use(token: OrphanToken) -> bool:
    """Whether a link has this token (Yandex may issue one twice), or another of the same device.

    Yandex revokes "the token of a device"; whether another token of that device survives is not
    documented, so a working link is not put at risk.
    """
    accounts = YandexAccount.objects.exclude(access_token="")
    if token.yandex_uid:
        accounts = accounts.filter(yandex_uid=token.yandex_uid)
    # Through a cast: the sealed text is opened here, and one that no key opens is skipped.
    in_use = accounts.values_list("device_id", Cast("access_token", TextField()))
    return any(
        device_id == token.device_id or _unsealed(sealed) == token.access_token
        for device_id, sealed in in_use
    )


def _readable_token(account: YandexAccount) -> str:
    try:
        return account.access_token
    except UnsealFailed:
        return ""


def _unsealed(sealed: str) -> str:
    try:
        return Secret(unseal(sealed))
    except UnsealFailed:
        return ""
