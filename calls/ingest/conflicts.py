"""Tells a later version of a known call from another call under the same id. Pure.

Ids collide when a sender counts anew, or when a JSON integer from 2**53 on was rounded on its way.
The first call stays, and the record of the other one is rejected.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.utils.translation import gettext as _

from calls.ingest.parsing.fields import read_phone, read_text
from calls.ingest.parsing.identity import compared_digits, id_field
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.phones import shown_phone

CODE = "identity_conflict"
#: Corrections of a start: one service may round it otherwise than another. Clients redial within a
#: minute, so a longer tolerance would take the next call for a correction of this one.
START_TOLERANCE = timedelta(seconds=5)
#: A planned call gets its start when it is made.
UNFINISHED_TOLERANCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a call from another one. `phones` are compared, `phone` and `phone_text` shown.

    Of a call whose month was dropped only the start is known, as it was first received.
    """

    started_at: datetime
    is_finished: bool
    phone: str = ""
    phone_text: str = ""
    phones: frozenset[str] = frozenset()

    @classmethod
    def of_stored(cls, started_at: datetime, is_finished: bool, phone: str, text: str) -> Self:
        """Return the identity of a stored call."""
        return cls(started_at, is_finished, phone, text, _digits(phone or text))

    @classmethod
    def of_record(cls, record: CallRecord) -> Self:
        """Return the identity of a record; its phone counts as earlier versions read it, too."""
        former = read_phone(read_text(record.raw, "clientNumber"))
        phones = _digits(record.phone or record.phone_text) | _digits(former)
        return cls(record.started_at, record.is_finished, record.phone, record.phone_text, phones)

    def is_same_call(self, other: Identity) -> bool:
        """Whether both may be versions of one call: the same client, about the same start.

        A phone that is missing or was missing is no other phone.
        """
        if self.phones and other.phones and not self.phones & other.phones:
            return False
        is_final = self.is_finished and other.is_finished
        tolerance = START_TOLERANCE if is_final else UNFINISHED_TOLERANCE
        return abs(self.started_at - other.started_at) <= tolerance

    def as_stored(self) -> dict[str, Any]:
        """Return what `Call.conflict` keeps of a record that was rejected."""
        return {
            "started_at": self.started_at.isoformat(),
            "phone": self.phone,
            "phone_text": self.phone_text,
        }


def rejection(record: CallRecord, known: Identity, *, external_id: str) -> BadRecord:
    """Return why the record is rejected: it is another call than the known one."""
    sentence = _(
        "Номер %(id)s уже у другого звонка: тот начался %(known)s, а этот — %(new)s. Сохранён "
        "первый, этот отклонён. У каждого звонка должен быть свой номер; передавайте его текстом: "
        "целые числа от 2⁵³ по дороге округляются."
    )
    values = {"id": external_id, "known": _shown(known), "new": _shown(Identity.of_record(record))}
    return BadRecord(CODE, id_field(record.raw), sentence % values, external_id)


def _digits(phone: str) -> frozenset[str]:
    """Return the digits by which the phone is compared; none when it is no number, such as 000."""
    digits = compared_digits(phone)
    return frozenset({digits}) if digits.strip("0") else frozenset()


def _shown(one: Identity) -> str:
    start = f"{one.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    phone = shown_phone(one.phone, one.phone_text, is_whole=False)
    if not phone:
        return _("%(start)s, телефон не указан") % {"start": start}
    return _("%(start)s, телефон %(phone)s") % {"start": start, "phone": phone}
