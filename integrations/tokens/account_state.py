"""Changes an account's state and its reason, with an audit event when the state changed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from django.contrib.auth.models import User

from cabinets import audit
from integrations.models import YandexAccount

State = YandexAccount.State
ACTIONS: dict[str, str] = {
    State.ACTIVE: "account.refreshed",
    State.REFRESH_FAILED: "account.refresh_failed",
    State.REAUTH_REQUIRED: "account.reauth_required",
}


class Reason(StrEnum):
    """Why an account is not simply active; stored in ``state_reason``."""

    #: Yandex did not receive the request; the refresh is tried again within the hour.
    NOT_REFRESHED = "not_refreshed"
    #: The answer was lost, and perhaps the new refresh token with it; tried once more.
    ANSWER_LOST = "answer_lost"
    #: The new refresh token is lost for good; the access token works until it expires.
    REFRESH_TOKEN_LOST = "refresh_token_lost"
    INVALID_GRANT = "invalid_grant"
    TOKEN_REJECTED = "token_rejected"
    EXPIRED = "expired"
    #: The token is accepted, but not for uploads: the scope was not granted, or withdrawn since.
    SCOPE_LOST = "scope_lost"
    #: The database was turned into a copy, which holds no tokens.
    COPY = "copy"


def set_state(
    account: YandexAccount,
    state: str,
    reason: str,
    now: datetime,
    *,
    actor: User | None = None,
    action: str = "",
) -> None:
    """Save the state and the reason; write an audit event when the state changed.

    A lost refresh token is audited as well: the state stays, but a person has to reconnect later.
    """
    before = {"state": str(account.state), "reason": account.state_reason}
    after = {"state": str(state), "reason": str(reason)}
    if before == after:
        return
    account.state_reason = str(reason)
    if account.state != state:
        account.state, account.state_changed_at = state, now
    if before["state"] != after["state"] or reason == Reason.REFRESH_TOKEN_LOST:
        audit.log_change(
            cabinet=account.cabinet,
            actor=actor,
            action=action or ACTIONS[state],
            subject=account,
            before=before,
            after=after | {"yandex_uid": account.yandex_uid},
        )
    account.save(update_fields=["state", "state_reason", "state_changed_at"])
