"""Whether a request is to be stored or only checked: `validate_only` and `explain`.

Both may be parameters of the address, which the signature does not cover, or members of the body
beside ``calls``, which it does. A member wins: no change of the address makes a trial real that
says so in its body, or a real request a trial that says ``"validate_only": false`` (ADR 0060).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, Self

from django.conf import settings
from django.utils.translation import gettext as _

from cabinets.models import CallSource
from cabinets.rate_limit import RateLimit, consume
from calls.ingest.errors import ApiError
from calls.ingest.idempotency import ResponseBody
from calls.ingest.parsing.record import BadRecord, CallRecord

MEMBERS = ("validate_only", "explain")
#: Locks of the calls are held until all of them are explained.
MAX_CALLS = 100
WINDOW_SECONDS = 60

_FLAGS = {"1": True, "true": True, "0": False, "false": False, "": False}


class Preview(Protocol):
    """Returns the results of records that are not stored: `calls.ways.preview.answer`."""

    def __call__(
        self,
        source: CallSource,
        records: Sequence[CallRecord | BadRecord],
        now: datetime,
        *,
        is_explained: bool,
    ) -> list[ResponseBody]:
        """Store nothing."""


@dataclass(frozen=True)
class Asked:
    """What a request asks for; to explain is to store nothing either."""

    validate_only: bool = False
    explain: bool = False

    @property
    def is_preview(self) -> bool:
        """Return whether nothing is to be stored."""
        return self.validate_only or self.explain

    @classmethod
    def in_query(cls, query: Mapping[str, Any]) -> Self:
        """Read the parameters of the address. Raises ApiError for other values than 1 and 0."""
        flags = {name: _flag(name, str(query.get(name, ""))) for name in MEMBERS}
        return cls(**flags)

    def with_members(self, members: Mapping[str, Any]) -> Asked:
        """Return what is asked for by the address and the members of the body together.

        Raises ApiError for members that are neither true nor false, and for an explanation of what
        is to be stored.
        """
        for name, value in members.items():
            if not isinstance(value, bool):
                raise _bad(name)
        if members.get("validate_only") is False:
            if members.get("explain"):
                raise _bad("explain")
            return Asked()
        return Asked(**{name: members.get(name, getattr(self, name)) for name in MEMBERS})


def check_preview(source: CallSource, calls: int, *, now: datetime) -> None:
    """Count a preview of so many calls. Raises ApiError: 413, 429."""
    if calls > MAX_CALLS:
        raise ApiError(
            413,
            "too_many_calls",
            _("Не больше %(limit)d звонков в проверке.") % {"limit": MAX_CALLS},
        )
    limit = RateLimit("previews", settings.PREVIEWS_PER_MINUTE, WINDOW_SECONDS)
    if wait := consume(limit, source.pk, now=now.timestamp()):
        raise ApiError(
            429,
            "too_many_previews",
            _("Слишком много проверок за минуту."),
            {"Retry-After": wait},
        )


def preview_body(results: Sequence[ResponseBody]) -> ResponseBody:
    """Return the body of the response to a preview."""
    return {"results": list(results), "validate_only": True}


def is_preview(body: ResponseBody) -> bool:
    """Return whether the body of a response is that of a preview."""
    return "validate_only" in body


def _flag(name: str, text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise _bad(name)
    return _FLAGS[text.lower()]


def _bad(name: str) -> ApiError:
    return ApiError(
        400,
        "bad_parameter",
        _(
            "%(name)s не прочитан: в адресе нужно 1 или 0, в теле — true или false; explain ничего "
            'не сохраняет, с "validate_only": false его не бывает.'
        )
        % {"name": name},
    )
