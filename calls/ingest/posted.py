"""What becomes of an authenticated request: it is replayed, stored or only checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from cabinets.models import CallSource
from calls.ingest.authentication import Candidates
from calls.ingest.content import Content, content_of
from calls.ingest.errors import ApiError, unrecorded
from calls.ingest.idempotency import (
    Delivered,
    ResponseBody,
    WebhookIdReused,
    handle_request,
    rejected_results,
    replayed,
    stored_answer,
)
from calls.ingest.parsing.json_values import digest_bytes
from calls.ingest.parsing.record import BadRecord, CallRecord, read_records
from calls.ingest.previews import MEMBERS, Asked, Preview, check_preview, preview_body
from calls.ingest.rate_limit import Waits, take, take_calls
from calls.ingest.store import store_calls
from calls.models import Way

#: A body of no more bytes is parsed in about a millisecond, so before its bytes are counted: its
#: bytes and calls are counted in one round trip.
SMALL_BODY = 32 * 1024


@dataclass(frozen=True)
class Posted:
    """A request whose signature was found right."""

    source: CallSource
    webhook_id: str
    body: bytes
    now: datetime

    def replayed(self, sources: Candidates) -> ResponseBody | None:
        """Return the stored response to a repeat, None to a new request. Raises ApiError."""
        stored = sources.stored
        if not sources.is_named:
            stored = stored_answer(source=self.source, webhook_id=self.webhook_id)
        if stored is None:
            return None
        seconds = self.now.timestamp()
        _refuse_above(take(self.source.pk, size=len(self.body), now=seconds))
        try:
            return replayed(stored, body_hash=digest_bytes(self.body))
        except WebhookIdReused:
            raise _reused() from None

    def answer(self, asked: Asked, preview: Preview) -> ResponseBody:
        """Store the calls, or show what would become of them. Raises ApiError."""
        content, asked = self._content(asked)
        if asked.is_preview:
            with unrecorded():
                return self._checked_only(content, asked, preview)
        records = self._records(content)
        self._require_usable(records)
        body_hash = digest_bytes(self.body)
        try:
            return handle_request(
                Delivered(self.source, self.webhook_id, body_hash, records, self.now)
            )
        except WebhookIdReused:
            raise _reused() from None

    def _checked_only(self, content: Content, asked: Asked, preview: Preview) -> ResponseBody:
        check_preview(self.source, len(content.items), now=self.now)
        records = self._records(content)
        return preview_body(preview(self.source, records, self.now, is_explained=asked.explain))

    def _content(self, asked: Asked) -> tuple[Content, Asked]:
        """Return the content of the body, and what it asks for; count its bytes and calls.

        A large body is not parsed before its bytes are within the limit; of one that is refused its
        bytes count. Calls that are only checked do not count.
        """
        size, seconds, key = len(self.body), self.now.timestamp(), self.source.pk
        is_small = size <= SMALL_BODY
        if not is_small:
            _refuse_above(take(key, size=size, now=seconds))
        try:
            content = content_of(self.body, members=MEMBERS)
            asked = asked.with_members(content.members)
        except ApiError:
            if is_small:
                _refuse_above(take(key, size=size, now=seconds))
            raise
        calls = None if asked.is_preview else len(content.items)
        if is_small:
            _refuse_above(take(key, size=size, calls=calls, now=seconds))
        elif calls is not None:
            _refuse_above(take_calls(key, calls, now=seconds))
        return content, asked

    def _records(self, content: Content) -> Sequence[CallRecord | BadRecord]:
        source = self.source
        zone = ZoneInfo(source.time_zone) if source.time_zone else None
        return read_records(
            content.items,
            source_id=source.public_id,
            zone=zone,
            now=self.now,
            region=source.region,
        )

    def _require_usable(self, records: Sequence[CallRecord | BadRecord]) -> None:
        """Refuse a request without a usable record; its records are kept and counted."""
        bad = [record for record in records if isinstance(record, BadRecord)]
        if len(bad) < len(records):
            return
        store_calls(source=self.source, records=records, now=self.now, way=Way.API)
        raise ApiError(
            422,
            "no_usable_call",
            _("Ни одной записи звонка принять нельзя."),
            extra={"results": rejected_results(bad)},
        )


def _reused() -> ApiError:
    return ApiError(
        409, "webhook_id_reused", _("Этот webhook-id уже был у запроса с другим телом.")
    )


def _refuse_above(waits: Waits) -> None:
    if waits.bytes:
        raise ApiError(
            429,
            "too_many_bytes",
            _("Слишком много данных за минуту."),
            {"Retry-After": waits.bytes},
        )
    if waits.calls:
        raise ApiError(
            429,
            "too_many_requests",
            _("Слишком много звонков за минуту."),
            {"Retry-After": waits.calls},
        )
