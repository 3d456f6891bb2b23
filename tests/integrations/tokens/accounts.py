"""What the row of an account holds, and the tokens that replace its own."""

from __future__ import annotations

from integrations.models import YandexAccount

NEW_ACCESS = "y0_NewAccessToken000000000000000000000000000000000000001"


NEW_REFRESH = "1:new:refresh:token"


def state(account: YandexAccount) -> tuple[str, str]:
    account.refresh_from_db()
    return account.state, account.state_reason


def pair(account: YandexAccount) -> tuple[str, str]:
    account.refresh_from_db()
    return account.access_token, account.refresh_token
