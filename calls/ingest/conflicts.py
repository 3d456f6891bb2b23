"""Tells a later version of a known call from another call under the same id. Pure.

Ids collide when a sender counts anew, or when a JSON integer from 2**53 on was rounded on its way.
The first call stays, and the record of the other one is rejected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.utils.translation import gettext as _

from calls.ingest.parsing.fields import Item, read_phone, read_text
from calls.ingest.parsing.identity import (
    COMPARED_DIGITS,
    ID_FIELDS,
    PHONES,
    compared_digits,
    id_field,
    usable_id,
)
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.phones import shown_phone

CODE = "identity_conflict"
#: Corrections of a start: one service may round it otherwise than another. Clients redial within a
#: minute, so a longer tolerance would take the next call for a correction of this one.
START_TOLERANCE = timedelta(seconds=5)
#: A planned call gets its start when it is made.
UNFINISHED_TOLERANCE = timedelta(days=1)
#: A corrected time zone moves a start by whole quarters of an hour: from UTC-12 to UTC+14 at most.
ZONE_STEP, MAX_ZONE_SHIFT = timedelta(minutes=15), timedelta(hours=26)
#: Fields of the stored record that tell whether another one is the same call.
RAW_FIELDS = (*PHONES, *ID_FIELDS)
#: Signs in place of digits, as of 7916***4567; a letter x may begin an extension as well.
MASKS = frozenset("*•…?_xXхХ")


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a call from another one. `phones` are compared, `phone` and `phone_text` shown.

    Of a call whose month was dropped only the start is known, as it was first received.
    """

    started_at: datetime
    is_finished: bool
    phone: str = ""
    phone_text: str = ""
    client_id: str = ""
    phones: frozenset[str] = frozenset()
    #: Field → id of the call.
    ids: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        started_at: datetime,
        is_finished: bool,
        phone: str,
        phone_text: str,
        client_id: str,
        raw: Item,
    ) -> Self:
        """Return the identity of a stored call or of a record. ``raw``: at least RAW_FIELDS.

        The number counts as it was read and as it came: the country by which it was completed may
        have been another one, and earlier versions read it otherwise.
        """
        came = read_text(raw, *PHONES)
        phones = _digits(phone or phone_text) | _digits(
            "" if _is_masked(came) else read_phone(came)
        )
        ids = {name: text for name in ID_FIELDS if (text := usable_id(raw, name))}
        return cls(started_at, is_finished, phone, phone_text, client_id, phones, ids)

    @classmethod
    def of_record(cls, record: CallRecord) -> Self:
        """Return the identity of a record."""
        return cls.of(
            record.started_at,
            record.is_finished,
            record.phone,
            record.phone_text,
            record.client_id,
            record.raw,
        )

    def is_same_call(self, other: Identity) -> bool:
        """Whether both may be versions of one call: the same client, about the same start.

        A phone that is missing or was missing is no other phone.
        """
        is_same_phone = bool(self.phones & other.phones)
        if self.phones and other.phones and not is_same_phone:
            return False
        is_final = self.is_finished and other.is_finished
        tolerance = START_TOLERANCE if is_final else UNFINISHED_TOLERANCE
        shift = abs(self.started_at - other.started_at)
        is_other_zone = is_same_phone and shift <= MAX_ZONE_SHIFT and not shift % ZONE_STEP
        return shift <= tolerance or is_other_zone

    def is_alias_of(self, other: Identity) -> bool:
        """Whether both are one call though their ids are of different kinds.

        Two different ids in one field are two calls. Where neither phone is known, two different
        ClientIDs are two clients; under one id the second one is a correction.
        """
        named = self.ids.keys() & other.ids.keys()
        if any(self.ids[one] != other.ids[one] for one in named):
            return False
        clients = {self.client_id, other.client_id} - {""}
        is_one_client = bool(self.phones or other.phones) or len(clients) < 2
        return is_one_client and self.is_same_call(other)

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
    """Return the digits by which the phone is compared; none of a short or a masked number."""
    digits = compared_digits(phone)
    is_whole = len(digits) == COMPARED_DIGITS and not _is_masked(phone)
    return frozenset({digits}) if is_whole else frozenset()


def _is_masked(phone: str) -> bool:
    return not MASKS.isdisjoint(phone)


def _shown(one: Identity) -> str:
    start = f"{one.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    phone = shown_phone(one.phone, one.phone_text, is_whole=False)
    if not phone:
        return _("%(start)s, телефон не указан") % {"start": start}
    return _("%(start)s, телефон %(phone)s") % {"start": start, "phone": phone}
