"""Validation of the rows of an upload, after the documentation of the columns.

https://yandex.com/dev/metrika/en/management/calls and .../management/offline-conv
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .csv_file import invalid

IDENTIFIERS = {"ClientId": "CLIENT_ID", "Yclid": "YCLID", "UserId": "USER_ID"}
CONVERSION_IDENTIFIERS = IDENTIFIERS | {"PurchaseId": "PURCHASE_ID"}
DIGITS = re.compile(r"[0-9]{1,20}")
TEXT = re.compile(r".*", re.DOTALL)
CALL_COLUMNS: dict[str, re.Pattern[str]] = {
    "ClientId": DIGITS,
    "Yclid": DIGITS,
    "UserId": TEXT,
    "DateTime": re.compile(r"[0-9]{1,12}"),
    "StaticCall": re.compile(r"[01]"),
    "Price": re.compile(r"[0-9]+(\.[0-9]+)?"),
    "Currency": re.compile(r"[A-Z]{3}"),
    # A masked number (+7916***4567) is accepted: the vendor checks the sign and the length.
    "PhoneNumber": re.compile(r"\+[0-9*]{5,15}"),
    "TalkDuration": re.compile(r"[0-9]{1,9}"),
    "HoldDuration": re.compile(r"[0-9]{1,9}"),
    "CallMissed": re.compile(r"[01]"),
    "Tag": TEXT,
    # 2 is sent by a public client's live test and accepted.
    "FirstTimeCaller": re.compile(r"[012]"),
    "URL": TEXT,
    "CallTrackerURL": TEXT,
}
CONVERSION_COLUMNS: dict[str, re.Pattern[str]] = {
    "ClientId": DIGITS,
    "Yclid": DIGITS,
    "UserId": TEXT,
    "PurchaseId": TEXT,
    "Target": TEXT,
    "DateTime": CALL_COLUMNS["DateTime"],
    "Price": CALL_COLUMNS["Price"],
    "Currency": CALL_COLUMNS["Currency"],
}
# A visit can be amended for 21 days: https://yandex.com/dev/metrika/en/management/conversion
HORIZON_SECONDS = 21 * 86_400


@dataclass(frozen=True)
class Row:
    """An accepted row: its known columns exactly as received."""

    columns: dict[str, str]
    identifier: str

    @property
    def is_static(self) -> bool:
        return self.columns.get("StaticCall") == "1"

    @property
    def moment(self) -> int:
        return int(self.columns["DateTime"])

    def is_linked(self, processed_at: float) -> bool:
        """Whether a visit is found: for every dynamic call in time, unless its id ends in 9."""
        return (
            not self.is_static
            and bool(self.identifier)
            and not self.identifier.endswith("9")
            and processed_at - self.moment <= HORIZON_SECONDS
        )


@dataclass(frozen=True)
class CheckedFile:
    client_id_type: str
    source_quantity: int
    rows: list[Row]


def check_calls(header: list[str], lines: list[list[str]], now: float) -> CheckedFile:
    """Keep the valid rows; raise ``invalid_uploading`` when the header is not usable."""
    kind = _identifier_kind(header, IDENTIFIERS)

    def is_valid(columns: dict[str, str], identifier: str) -> bool:
        return bool(identifier) or columns.get("StaticCall") == "1"

    rows = _valid_rows(header, lines, CALL_COLUMNS, IDENTIFIERS, is_valid, now)
    return CheckedFile(kind, len(lines), rows)


def check_conversions(
    header: list[str], lines: list[list[str]], targets: frozenset[str], now: float
) -> CheckedFile:
    """Like :func:`check_calls`; a ``Target`` that is no event's identifier fails the file."""
    kind = _identifier_kind(header, CONVERSION_IDENTIFIERS)
    if "Target" not in header:
        raise invalid("Column Target is missing")
    place = header.index("Target")
    for line in lines:
        if len(line) == len(header) and line[place] not in targets:
            raise invalid("Target is not the identifier of a goal of this counter")

    def is_valid(columns: dict[str, str], identifier: str) -> bool:
        return bool(identifier)

    rows = _valid_rows(header, lines, CONVERSION_COLUMNS, CONVERSION_IDENTIFIERS, is_valid, now)
    return CheckedFile(kind, len(lines), rows)


def _identifier_kind(header: list[str], kinds: dict[str, str]) -> str:
    found = [kinds[name] for name in header if name in kinds]
    if not found:
        raise invalid("No identifier column: " + ", ".join(kinds))
    if "DateTime" not in header:
        raise invalid("Column DateTime is missing")
    return found[0]


def _valid_rows(
    header: list[str],
    lines: list[list[str]],
    known: dict[str, re.Pattern[str]],
    identifiers: dict[str, str],
    is_valid: Callable[[dict[str, str], str], bool],
    now: float,
) -> list[Row]:
    if not lines:
        raise invalid("The file has a header and no rows")
    places = [(name, place) for place, name in enumerate(header) if name in known]
    rows = []
    for line in lines:
        if len(line) != len(header):
            continue
        columns = {name: line[place] for name, place in places}
        identifier = next((columns[name] for name in identifiers if columns.get(name)), "")
        if is_valid(columns, identifier) and _is_well_formed(columns, known, now):
            rows.append(Row(columns, identifier))
    return rows


def _is_well_formed(columns: dict[str, str], known: dict[str, re.Pattern[str]], now: float) -> bool:
    if any(value and not known[name].fullmatch(value) for name, value in columns.items()):
        return False
    moment = columns["DateTime"]
    return bool(moment) and int(moment) <= now
