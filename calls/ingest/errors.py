"""The error of a refused request: a stable code for programs and a sentence for people.

Its body is a problem document (https://www.rfc-editor.org/rfc/rfc9457) that also has the member
``error`` of earlier versions. It comes as `application/json`, which earlier senders check for, and
as `application/problem+json` to those that accept it (`calls.ingest.middleware`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.http import JsonResponse

from calls.ingest.error_codes import doc_url, title_of


class ApiError(Exception):
    """The request is refused as a whole; nothing of it was stored."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str | int] | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.extra = extra or {}
        #: Whether the page of the source shows it.
        self.is_recorded = True

    def response(self) -> JsonResponse:
        """Return the HTTP response."""
        return JsonResponse(
            problem(self.status, self.code, self.message) | dict(self.extra),
            status=self.status,
            headers={name: str(value) for name, value in self.headers.items()},
            json_dumps_params={"ensure_ascii": False},
        )


def problem(status: int, code: str, message: str) -> dict[str, Any]:
    """Return the problem document of a refused request."""
    url = doc_url(code)
    return {
        "error": {"code": code, "message": message},
        "type": url,
        "title": title_of(code),
        "status": status,
        "detail": message,
        "code": code,
        "doc_url": url,
    }


@contextmanager
def unrecorded() -> Iterator[None]:
    """Keep errors from being recorded on the source: nothing was lost, a trial failed."""
    try:
        yield
    except ApiError as error:
        error.is_recorded = False
        raise
