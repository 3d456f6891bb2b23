"""What the head of a request tells about a file that a person uploads: before its body is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import Error, close_old_connections
from django.http.cookie import parse_cookie

#: `calls:import-new`.
_UPLOAD = re.compile(r"/lk/integrations/sources/[0-9]+/imports/new")
#: What a form may have besides its file.
FORM_BYTES = 64 * 1024


def is_file_upload(path: str) -> bool:
    """Whether a form of this path may have a large file. Pure."""
    return _UPLOAD.fullmatch(path) is not None


def max_form_bytes() -> int:
    """Return the most bytes of a form with a file."""
    return int(settings.IMPORT_MAX_BYTES) + FORM_BYTES


def has_no_session(path: str, headers: Mapping[str, str]) -> bool:
    """Whether the request uploads a file and has no session cookie. Pure."""
    return is_file_upload(path) and not _session_key(headers)


def is_stranger(path: str, headers: Mapping[str, str]) -> bool:
    """Whether the request uploads a file in a session in which nobody is signed in.

    False when the database does not answer: the view will say so.
    """
    if not is_file_upload(path):
        return False
    close_old_connections()
    try:
        session = import_module(settings.SESSION_ENGINE).SessionStore(_session_key(headers))
        return SESSION_KEY not in session
    except Error:
        return False
    finally:
        close_old_connections()


def _session_key(headers: Mapping[str, str]) -> str:
    return parse_cookie(headers.get("Cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
