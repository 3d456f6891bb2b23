"""The state of a call during a request: what is stored, and the record that replaces it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from calls.ingest.conflicts import Identity
from calls.ingest.kept_values import KeptValues
from calls.ingest.parsing.record import CallRecord

Status = Literal["created", "updated", "duplicate", "rejected"]


@dataclass
class CallState:
    """A call of a request: its stored version, and the records that change it.

    ``content_hash`` is None while nothing is stored: the call is new, or its month was dropped.
    """

    call_id: int
    external_id: str
    partition_at: datetime
    #: Its identity, or the record that tells it: most are never compared with another.
    described_by: Identity | CallRecord
    content_hash: str | None = None
    is_new: bool = False
    latest: CallRecord | None = None
    versions: int = 0
    kept: KeptValues = field(default_factory=KeptValues)
    #: Of a record that is another call, None without one.
    conflict: Identity | None = None
    #: It was loaded without sending, and this request sends it: its record is an update then, also
    #: one of the same content.
    is_loaded_only: bool = False

    @property
    def identity(self) -> Identity:
        """Return what tells the call from another one."""
        if isinstance(self.described_by, CallRecord):
            self.described_by = Identity.of_record(self.described_by)
        return self.described_by

    def apply(self, record: CallRecord) -> Status:
        """Update the call from the record; return the record's status.

        A record of another call is rejected. A record of an unfinished call that arrives after the
        outcome is outdated and changes nothing.
        """
        if record.content_hash == self.content_hash and not self.is_loaded_only:
            return "duplicate"
        if self._is_first():
            return self._replace(record)
        sent = Identity.of_record(record)
        if not self.identity.is_same_call(sent):
            self.conflict = sent
            return "rejected"
        is_dropped = self.content_hash is None and not self.is_new
        is_outdated = self.identity.is_finished and not sent.is_finished
        return "duplicate" if is_dropped or is_outdated else self._replace(record)

    def _is_first(self) -> bool:
        return self.is_new and self.content_hash is None

    def _replace(self, record: CallRecord) -> Status:
        status: Status = "created" if self._is_first() else "updated"
        self.content_hash = record.content_hash
        self.latest = self.kept.added_to(record)
        self.described_by = self.latest
        self.kept = KeptValues.of_record(self.latest)
        self.versions += 1
        self.is_loaded_only = False
        return status
