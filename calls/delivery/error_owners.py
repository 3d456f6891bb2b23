"""Who owns each error of Metrika, and what follows for an upload: one pure table.

The owner says what the cause concerns: one file or row of it, the counter, the account, our address
or the service itself. A cause is told and cured once, at its owner; `calls.delivery.policy` turns
the action into the next step of the upload, and docs/states.md prints the table.

The vendor's types: https://yandex.com/dev/metrika/en/intro/errors
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from counters.states import Access, StopCause
from integrations.yandex.errors import YandexError


class Owner(StrEnum):
    """What the cause of an error concerns."""

    FILE = "file"
    ROW = "row"
    COUNTER = "counter"
    ACCOUNT = "account"
    #: Our IP address, shared by all accounts.
    ADDRESS = "address"
    #: Metrika, or a gateway in front of it.
    SERVICE = "service"


class Action(StrEnum):
    """What is done with the refused upload; the value is the text of docs/states.md."""

    RETRY = "sent again after a growing pause; looked up first if it may have arrived"
    WAIT_QUOTA = "sent again when the quota is back; the owner's other requests wait too"
    RENEW_TOKEN = "sent again with a renewed token, else after the account is reconnected"
    STOP_COUNTER = "waits with the counter's other calls until the cause is gone"
    LOSE_ACCESS = "waits with the counter's other calls until the access is back"
    BISECT = "halved to find the bad row; the other rows are delivered"
    HALVE = "sent in two halves"
    REJECT = "left to a person; a second such file in a row stops the counter"


@dataclass(frozen=True)
class ErrorOwner:
    """A row of the table. ``stops`` and ``access`` are what is recorded on the counter."""

    owner: Owner
    action: Action
    stops: StopCause | None = None
    access: Access | None = None


_OUR_FILE = ErrorOwner(Owner.FILE, Action.REJECT)
_SERVICE = ErrorOwner(Owner.SERVICE, Action.RETRY)
_TOKEN = ErrorOwner(Owner.ACCOUNT, Action.RENEW_TOKEN)
#: Of a quota that the vendor does not name, too: the login waits.
UNKNOWN_QUOTA = ErrorOwner(Owner.ACCOUNT, Action.WAIT_QUOTA)

#: Every documented `error_type`. They decide before the status.
ERROR_TYPES: dict[str, ErrorOwner] = {
    "backend_error": _SERVICE,
    "timeout": _SERVICE,
    "invalid_parameter": _OUR_FILE,
    "missing_parameter": _OUR_FILE,
    "invalid_json": _OUR_FILE,
    "invalid_uploading": ErrorOwner(Owner.ROW, Action.BISECT),
    # An upload creates only one thing that is limited: the goal for calls.
    "limit_exceeded": ErrorOwner(Owner.COUNTER, Action.STOP_COUNTER, stops=StopCause.GOALS_FULL),
    "filter_limits": _OUR_FILE,
    "query_error": _OUR_FILE,
    "too_much_rows": _OUR_FILE,
    "unauthorized": _TOKEN,
    "access_denied": ErrorOwner(Owner.COUNTER, Action.LOSE_ACCESS, access=Access.LOST),
    "invalid_token": _TOKEN,
    "counter_in_connect": ErrorOwner(
        Owner.COUNTER, Action.STOP_COUNTER, stops=StopCause.IN_CONNECT
    ),
    "not_found": ErrorOwner(Owner.COUNTER, Action.LOSE_ACCESS, access=Access.DELETED),
    "not_acceptable": _OUR_FILE,
    "conflict": _OUR_FILE,
    "quota_requests_by_uid": UNKNOWN_QUOTA,
    "quota_requests_by_counter_id": ErrorOwner(Owner.COUNTER, Action.WAIT_QUOTA),
    "quota_requests_by_ip": ErrorOwner(Owner.ADDRESS, Action.WAIT_QUOTA),
    "quota_parallel_requests": UNKNOWN_QUOTA,
    "quota_delegate_requests": UNKNOWN_QUOTA,
    "quota_grants_requests": UNKNOWN_QUOTA,
}
#: Statuses of answers without an `error_type`, such as the HTML page of a gateway. Without
#: Metrika's own words a 403 or 404 says nothing about the counter.
STATUSES: dict[int, ErrorOwner] = {
    401: _TOKEN,
    403: ErrorOwner(Owner.ADDRESS, Action.RETRY),
    404: _SERVICE,
    405: _SERVICE,
    408: _SERVICE,
    413: ErrorOwner(Owner.FILE, Action.HALVE),
    415: _SERVICE,
    420: UNKNOWN_QUOTA,
    429: UNKNOWN_QUOTA,
}
#: Those of them that mean the same whatever the type beside them.
OWN_STATUSES = {status: STATUSES[status] for status in (401, 408, 413)}
QUOTA, QUOTA_STATUSES = "quota_", (420, 429)
#: An unknown refusal (4xx) is held to be of the file: nothing else is stopped, nothing is repeated
#: by itself, a person looks; and if it was the counter, the next file stops that.
UNKNOWN_REFUSAL = _OUR_FILE
#: Any other answer, or none: whether the file arrived is not known.
NO_ANSWER = _SERVICE


def owner_of(error_type: str, status: int | None) -> ErrorOwner:
    """Return the owner of an error by its type, else by its HTTP status (None: no answer)."""
    if status is not None and status >= 500:
        return NO_ANSWER
    if status in QUOTA_STATUSES and not error_type.startswith(QUOTA):
        return UNKNOWN_QUOTA
    if error_type in ERROR_TYPES:
        return ERROR_TYPES[error_type]
    if error_type.startswith(QUOTA):
        return UNKNOWN_QUOTA
    if status is None or status < 400:
        return NO_ANSWER
    # An unknown type is still the word of Metrika itself, not of a gateway.
    statuses = OWN_STATUSES if error_type else STATUSES
    return statuses.get(status, UNKNOWN_REFUSAL)


def owner_of_error(error: YandexError) -> ErrorOwner:
    """Return the owner of an error that a request raised."""
    return owner_of(error.error_type, error.http_status)
