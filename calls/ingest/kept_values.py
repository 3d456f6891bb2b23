"""What a later record of a call does not take away by leaving it out. Pure.

A sender that has lost the visitor's identifier, or hides the phone in some records, would turn a
call that can be linked into an unlinked one, which Metrika never corrects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from calls.ingest.parsing.record import CallRecord
from calls.states import CallKind

#: Column of a call → its name in `unreadable_identifiers`.
IDENTIFIERS = {"client_id": "ClientId", "yclid": "Yclid", "user_id": "UserId"}


@dataclass(frozen=True, slots=True)
class KeptValues:
    """The identifiers of a stored call, and its phone."""

    client_id: str = ""
    yclid: str = ""
    user_id: str = ""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    phone: str = ""

    @classmethod
    def of_record(cls, record: CallRecord) -> Self:
        """Return what the record tells."""
        return cls(
            record.client_id,
            record.yclid,
            record.user_id,
            record.unreadable_identifiers or {},
            record.phone,
        )

    def added_to(self, record: CallRecord) -> CallRecord:
        """Return the record with the kept values in the places that it leaves empty.

        An identifier that can be read takes the place of one that cannot, never the other way.
        """
        if self == _NOTHING and record.kind != CallKind.UNKNOWN:
            return record
        found = {name: getattr(record, name) or getattr(self, name) for name in IDENTIFIERS}
        came = {**self.unreadable, **(record.unreadable_identifiers or {})}
        readable = {IDENTIFIERS[name] for name, value in found.items() if value}
        unreadable = {name: text for name, text in came.items() if name not in readable}
        phone = record.phone or self.phone
        return replace(
            record,
            **found,
            unreadable_identifiers=unreadable or None,
            phone=phone,
            phone_text="" if phone else record.phone_text,
            kind=_kind(record.kind, has_identifier=bool(readable or unreadable)),
        )


_NOTHING = KeptValues()


def _kind(kind: str, *, has_identifier: bool) -> str:
    """Return the kind: call tracking with an identifier, readable or not, is dynamic."""
    return CallKind.DYNAMIC if kind == CallKind.UNKNOWN and has_identifier else kind
