"""The error of a refused request: a stable code for programs and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import JsonResponse


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

    def response(self) -> JsonResponse:
        """Return the HTTP response."""
        body = {"error": {"code": self.code, "message": self.message}} | dict(self.extra)
        return JsonResponse(
            body,
            status=self.status,
            headers={name: str(value) for name, value in self.headers.items()},
            json_dumps_params={"ensure_ascii": False},
        )
