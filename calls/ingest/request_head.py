"""What the headers of a request to the API already tell: checked before its body is read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from django.db import Error, close_old_connections

from cabinets.models import CallSource
from calls.ingest.body import check_body_headers
from calls.ingest.errors import ApiError
from calls.ingest.signatures import SignatureRefused, read_envelope

PATH = "/api/v1/calls"
SOURCE_HEADER = "X-CallKeeper-Source"


def is_refused(path: str, headers: Mapping[str, str]) -> bool:
    """Whether the view refuses these headers, whatever the body is. Pure but for the clock."""
    if path != PATH:
        return False
    try:
        check_body_headers(headers)
        read_envelope(headers, now=time.time())
    except (ApiError, SignatureRefused):
        return True
    return False


def named_source(headers: Mapping[str, str], query: Mapping[str, Any]) -> str:
    """Return the public id of a source as the request gives it, "" for none."""
    return (headers.get(SOURCE_HEADER) or str(query.get("source", ""))).strip()


def is_unknown_source(path: str, headers: Mapping[str, str], query: str) -> bool:
    """Whether the request names a source that does not exist or is switched off.

    False when the database does not answer: the view will say so.
    """
    named = named_source(headers, {name: values[0] for name, values in parse_qs(query).items()})
    if path != PATH or not named:
        return False
    if not named.isprintable():
        return True
    close_old_connections()
    try:
        return not CallSource.objects.filter(is_active=True, public_id=named).exists()
    except Error:
        return False
    finally:
        close_old_connections()
