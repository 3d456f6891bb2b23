"""What can go wrong between us and Yandex. ``str()`` of each is safe to log.

YandexError
├── Unreachable            timeout, broken connection, 5xx: try again later
├── QuotaExceeded          420, 429, any ``quota_*``: try again when the quota is back
├── TokenRejected          401, ``invalid_token``: ask the customer to reconnect the account
├── AccessDenied           403: the counter is not ours to write to, or a scope is missing
├── NotFound               404
├── RequestRejected        any other 4xx: our mistake or bad data; the same again will not help
├── UnexpectedAnswer       neither success nor an error we can read: a person must look
└── AuthorisationRefused   the errors of oauth.yandex.ru, by their names

The vendor's table: https://yandex.com/dev/metrika/en/intro/errors
"""

from __future__ import annotations

from typing import Any

from .answer import Answer
from .masking import excerpt, masked

MESSAGE_LENGTH = 200


class YandexError(Exception):
    """Base of the family, never raised itself.

    ``may_have_arrived`` says that Yandex may have carried out the request although no success was
    received; a request that writes must then be looked up before it is repeated.
    ``error_type`` is the vendor's code or ''; ``retry_after`` is in seconds; ``excerpt`` is the
    masked beginning of the answer.
    """

    may_have_arrived = False

    def __init__(
        self,
        message: str = "",
        *,
        http_status: int | None = None,
        error_type: str = "",
        request_id: str = "",
        may_have_arrived: bool | None = None,
        retry_after: float | None = None,
        excerpt: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = http_status
        self.error_type = error_type
        self.request_id = request_id
        self.retry_after = retry_after
        self.excerpt = excerpt
        if may_have_arrived is not None:
            self.may_have_arrived = may_have_arrived

    def __str__(self) -> str:
        known = (
            f"HTTP {self.http_status}" if self.http_status else "",
            self.error_type,
            f"request {self.request_id}" if self.request_id else "",
        )
        details = ", ".join(part for part in known if part)
        return f"{self.message} [{details}]" if details else self.message


class Unreachable(YandexError):
    may_have_arrived = True


class QuotaExceeded(YandexError):
    @property
    def quota(self) -> str:
        """Which quota: ``day``, ``parallel``, ``ip``, ``counter`` or ``other``.

        https://yandex.com/dev/metrika/en/intro/quotas
        """
        return QUOTAS.get(self.error_type, "other")


class TokenRejected(YandexError):
    pass


class AccessDenied(YandexError):
    pass


class NotFound(YandexError):
    pass


class RequestRejected(YandexError):
    pass


class UnexpectedAnswer(YandexError):
    may_have_arrived = True


class AuthorisationRefused(YandexError):
    @property
    def error(self) -> str:
        """Yandex's name of the refusal, such as ``invalid_grant``; '' when it gave none."""
        return self.error_type


QUOTAS = {
    "quota_requests_by_uid": "day",
    "quota_parallel_requests": "parallel",
    "quota_requests_by_ip": "ip",
    "quota_requests_by_counter_id": "counter",
}

# The documented status of each type, for answers whose own status says nothing (a 200).
DOCUMENTED_STATUS = {
    "backend_error": 503,
    "timeout": 504,
    "invalid_parameter": 400,
    "missing_parameter": 400,
    "invalid_json": 400,
    "invalid_uploading": 400,
    "limit_exceeded": 400,
    "filter_limits": 400,
    "query_error": 400,
    "too_much_rows": 400,
    "unauthorized": 401,
    "access_denied": 403,
    "invalid_token": 403,
    "counter_in_connect": 403,
    "not_found": 404,
    "not_acceptable": 406,
    "conflict": 409,
}


def error_class(status: int, error_type: str, *, authorising: bool = False) -> type[YandexError]:
    """Map a refusal to its class: the whole policy, first match wins.

    ``authorising`` marks the token endpoints, where any 4xx is a refusal in OAuth's own dialect.
    """
    if error_type.startswith("quota_") or status in (420, 429):
        return QuotaExceeded  # the vendor's pages disagree on 420 or 429; once it was 403
    if status >= 500 or status == 408:
        return Unreachable
    if authorising and (error_type or status >= 400):
        return AuthorisationRefused
    if status == 401 or error_type in ("invalid_token", "unauthorized"):
        return TokenRejected  # 401 by the introduction, 403 by the table and by live answers
    if status == 403:
        return AccessDenied
    if status == 404:
        return NotFound
    return RequestRejected if status >= 400 else UnexpectedAnswer


def error_from(answer: Answer, *, action: str, authorising: bool = False) -> YandexError:
    """Return the error for an answer; ``action`` names the request in its message."""
    error_type, text, code = _vendor_words(answer.json_object() or {})
    status = answer.status
    if status < 300:
        status = code or DOCUMENTED_STATUS.get(error_type, status)
    kind = error_class(status, error_type, authorising=authorising)
    return kind(
        f"{action}: {text or 'refused without a reason'}",
        http_status=answer.status,
        error_type=error_type,
        request_id=answer.request_id,
        # An error inside a success: what was written, if anything, is not known.
        may_have_arrived=True if answer.status < 400 else None,
        retry_after=answer.retry_after,
        excerpt=excerpt(answer.body),
    )


def unexpected(answer: Answer, *, action: str, why: str) -> UnexpectedAnswer:
    """Make the error for a success that is not of the documented shape."""
    return UnexpectedAnswer(
        f"{action}: {why}",
        http_status=answer.status,
        request_id=answer.request_id,
        excerpt=excerpt(answer.body),
    )


def _vendor_words(body: dict[str, Any]) -> tuple[str, str, int | None]:
    """Return (type, message, code) of either format, distinguished by their keys.

    Metrika: ``{"errors": [{"error_type": "access_denied", "message": …}], "code": 403, …}``
    OAuth: ``{"error": "invalid_grant", "error_description": "Code has expired"}``
    """
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else {}
    detail = first if isinstance(first, dict) else {}
    error_type = detail.get("error_type") or body.get("error")
    text = detail.get("message") or body.get("error_description") or body.get("message")
    code = body.get("code")
    is_status = isinstance(code, int) and 400 <= code < 600
    return _short(error_type), _short(text), code if is_status else None


def _short(value: object) -> str:
    return masked(value)[:MESSAGE_LENGTH] if isinstance(value, str) else ""
