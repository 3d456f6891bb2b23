"""Requests, responses and errors inside the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

Json = dict[str, Any]


class ApiError(Exception):
    """An error in Metrika's format: https://yandex.com/dev/metrika/en/intro/errors"""

    def __init__(
        self,
        status: int,
        error_type: str,
        message: str,
        *,
        location: str = "",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message
        self.location = location
        self.retry_after = retry_after

    def response(self) -> Response:
        error = {
            "error_type": self.error_type,
            "message": self.message,
            "location": self.location,
        }
        body = {"errors": [error], "code": self.status, "message": self.message}
        answer = json_response(body, status=self.status)
        if self.retry_after is not None:
            answer.headers["Retry-After"] = str(self.retry_after)
        return answer


class CutConnection(Exception):
    """Raised to cut the connection instead of answering."""


@dataclass
class Response:
    """``stream`` replaces ``body`` by pieces sent as they come. It may raise CutConnection."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterator[bytes] | None = None


@dataclass
class Request:
    """One HTTP request; the body is read from the socket on demand."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    client_ip: str
    read_body: Callable[[int | None], bytes]
    login: str = ""
    faults: list[Any] = field(default_factory=list)
    _body: bytes | None = None

    def body(self) -> bytes:
        if self._body is None:
            self._body = self.read_body(None)
        return self._body

    def param(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[-1]

    def number(self, name: str, default: int) -> int:
        """Read an integer query parameter; raise ``invalid_parameter`` for anything else."""
        text = self.param(name) or str(default)
        try:
            return int(text)
        except ValueError:
            raise ApiError(400, "invalid_parameter", "Not a number", location=name) from None

    def header(self, name: str) -> str:
        """The header's value, whatever the case of its name; empty when it was not sent."""
        return self.headers.get(name.lower(), "")

    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body().decode("utf-8", "replace"), keep_blank_values=True)

    def json(self) -> Json:
        """Read a JSON object; raise ``invalid_json`` for anything else."""
        try:
            content = json.loads(self.body() or b"{}")
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise ApiError(400, "invalid_json", "Malformed JSON")
        return content

    def fault(self, name: str) -> Any | None:
        """The switched-on fault of this name that caught this request, if any."""
        return next((fault for fault in self.faults if fault.name == name), None)


def json_response(body: Any, *, status: int = 200) -> Response:
    content = json.dumps(body, ensure_ascii=False).encode()
    return Response(status, content, {"Content-Type": "application/json; charset=utf-8"})


def html_response(body: str, *, status: int = 200) -> Response:
    return Response(status, body.encode(), {"Content-Type": "text/html; charset=utf-8"})


def redirect(location: str) -> Response:
    return Response(302, b"", {"Location": location, "Cache-Control": "no-store"})
