"""What can go wrong between us and CallKeeper. ``str()`` of each is safe to log and to show.

CallKeeperError
├── Unreachable       timeout, broken connection, 5xx, a page of HTML: try again later
├── TooManyRequests   429: try again after ``retry_after``
├── WrongKey          «User is not recognized»: a person must change the key
├── Refused           any other error text or 4xx: CallKeeper's words are quoted
└── UnexpectedAnswer  a redirect, too large, no list of calls: a person must look
"""

from __future__ import annotations


class CallKeeperError(Exception):
    """Base of the family, never raised itself.

    ``text`` is what CallKeeper said, cut and without the key, or ''; ``retry_after`` in seconds.
    """

    code = ""

    def __init__(
        self,
        message: str = "",
        *,
        http_status: int | None = None,
        text: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = http_status
        self.text = text
        self.retry_after = retry_after

    def __str__(self) -> str:
        status = f" [HTTP {self.http_status}]" if self.http_status else ""
        return f"{self.message}{f': {self.text}' if self.text else ''}{status}"


class Unreachable(CallKeeperError):
    code = "unreachable"


class TooManyRequests(CallKeeperError):
    code = "too_many_requests"


class WrongKey(CallKeeperError):
    code = "wrong_key"


class Refused(CallKeeperError):
    code = "refused"


class UnexpectedAnswer(CallKeeperError):
    code = "unexpected_answer"
