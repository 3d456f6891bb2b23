"""Extracts the file from a multipart/form-data body (RFC 7578), which may be malformed."""

from __future__ import annotations

import re

from .messages import ApiError

BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,200})"|([^;\s]{1,200}))', re.IGNORECASE)
NAME = re.compile(rb'[;\s]name="?([^";\r\n]*)"?', re.IGNORECASE)


def file_part(content_type: str, body: bytes, name: str = "file") -> bytes:
    """Return the bytes of the named part; raise ``missing_parameter`` if it is absent."""
    match = BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or match is None:
        raise _missing(name)
    delimiter = b"--" + (match[1] or match[2]).encode()
    start = 0 if body.startswith(delimiter) else -1
    while start >= 0:
        end = body.find(b"\r\n" + delimiter, start)
        if end < 0:
            break
        content = _content(body, start + len(delimiter), end, name)
        if content is not None:
            return content
        start = end + 2
    raise _missing(name)


def _content(body: bytes, start: int, end: int, name: str) -> bytes | None:
    head_end = body.find(b"\r\n\r\n", start, end)
    if head_end < 0:
        return None
    found = NAME.search(body[start:head_end])
    if found is None or found[1].decode("utf-8", "replace") != name:
        return None
    return body[head_end + 4 : end]


def _missing(name: str) -> ApiError:
    message = f"Part {name} of a multipart/form-data body is missing"
    return ApiError(400, "missing_parameter", message, location=name)
