"""Records of what Yandex returns, made by ``reading``; they have no JSON in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

# The two ends of an uploading. Before them come PREPARED, UPLOADED, EXPORTED, MATCHED and whatever
# Metrika invents: the list is open, and a new word is kept as it came.
# https://yandex.com/dev/metrika/en/management/openapi/call/uploadCalls
#: At least one identifier of the file was matched, not necessarily all.
PROCESSED = "PROCESSED"
#: Not one was matched. Static calls always end so, and are in the reports all the same.
LINKAGE_FAILURE = "LINKAGE_FAILURE"

# The levels of access that allow an upload:
# https://yandex.com/dev/metrika/en/management/openapi/counter/counters
UPLOADING_PERMISSIONS = frozenset({"own", "edit"})


@dataclass(frozen=True)
class Token:
    """``expires_in`` is in seconds; ``scopes`` is None when Yandex granted all that was asked."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    scopes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Profile:
    """The profile of an account. ``yandex_uid`` never changes; a missing text is ''.

    ``client_id`` is the application that the token was issued for; compare it with your own.
    """

    yandex_uid: str
    login: str = ""
    display_name: str = ""
    client_id: str = ""


@dataclass(frozen=True)
class CounterInfo:
    """A counter as the token's owner sees it; ``permission`` is that owner's level of access."""

    number: int
    name: str = ""
    site: str = ""
    mirrors: tuple[str, ...] = ()
    owner_login: str = ""
    permission: str = ""
    status: str = ""
    type: str = ""
    create_time: datetime | None = None
    time_zone_name: str = ""

    @property
    def can_upload(self) -> bool:
        return self.permission in UPLOADING_PERMISSIONS


@dataclass(frozen=True)
class GoalInfo:
    """``identifier`` is the event of a JavaScript goal, by which an uploaded row can reach it."""

    goal_id: int
    name: str = ""
    type: str = ""
    source: str = ""
    identifier: str | None = None


@dataclass(frozen=True)
class Uploading:
    """A file that Metrika took. A count is None when Metrika did not name it.

    ``source_quantity`` is rows in the file, ``line_quantity`` rows that passed validation.
    """

    uploading_id: int
    status: str = ""
    comment: str = ""
    source_quantity: int | None = None
    line_quantity: int | None = None
    static_quantity: int | None = None
    dynamic_quantity: int | None = None
    linked_quantity: int | None = None
    user_not_found_quantity: int | None = None
    create_time: datetime | None = None


# The statuses of a request for logs. The list is open, as that of uploadings:
# https://yandex.com/dev/metrika/en/logs/openapi/getLogRequest
LOGS_CREATED = "created"
LOGS_RETRIED = "awaiting_retry"
LOGS_PROCESSED = "processed"
#: Metrika is still preparing them.
LOGS_WAITING = frozenset({LOGS_CREATED, LOGS_RETRIED})


@dataclass(frozen=True)
class LogEvaluation:
    """Whether logs can be ordered now, and of how many days at once at most."""

    is_possible: bool
    max_days: int | None = None


@dataclass(frozen=True)
class LogOrder:
    """Logs that were ordered: prepared by and by, then downloaded part by part, then removed.

    The dates are ``2026-11-12``; ``parts`` are the numbers of the parts, known once it is
    processed.
    """

    request_id: int
    source: str = ""
    date1: str = ""
    date2: str = ""
    fields: tuple[str, ...] = ()
    status: str = ""
    size: int | None = None
    parts: tuple[int, ...] = ()
