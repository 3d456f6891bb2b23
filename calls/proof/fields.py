"""The fields of hits that are asked for, and the reading of their lines.

https://yandex.com/dev/metrika/en/logs/fields/hits
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

PREFIX = "ym:pv:"
UPLOADING, VISIT, MOMENT = "offlineUploadingID", "visitID", "dateTime"
CLIENT, GOALS = "clientID", "goalsID"
TALK, HOLD = "offlineCallTalkDuration", "offlineCallHoldDuration"
#: The first ones decide whether a line is read at all. The last four are not compared: they tell
#: a person what an unknown row is.
FIELDS = tuple(
    PREFIX + name
    for name in (
        *(UPLOADING, VISIT, MOMENT, CLIENT, GOALS, TALK, HOLD),
        *("offlineCallMissed", "offlineCallTag", "offlineCallFirstTimeCaller", "URL"),
    )
)

_DIGITS = re.compile(r"\d{1,20}\Z")


class UnreadableRow(Exception):
    """A line of ours is not what the vendor documents."""


@dataclass(frozen=True)
class Hit:
    """A line under an uploading."""

    uploading_id: int
    visit_id: str
    moment: str
    client_id: str
    goals: tuple[int, ...]
    talk: int | None
    hold: int | None


class HitReader:
    """Reads the lines of a part by its columns."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._place = {name.removeprefix(PREFIX): at for at, name in enumerate(columns)}
        skipped = rb"(?:[^\t\n]*\t){%d}" % self._place[UPLOADING]
        # Almost all lines of a site have no uploading: they are passed over without being split.
        self._uploaded = re.compile(rb"^%b([1-9]\d*)(?=[\t\n])[^\n]*" % skipped, re.MULTILINE)
        self._of_site = self._visit_pattern()

    def uploaded(self, block: bytes, known: frozenset[int]) -> Iterator[tuple[int, Hit]]:
        """Yield the place in the block and the hit of each line under one of the uploadings."""
        for found in self._uploaded.finditer(block):
            if int(found[1]) in known:
                yield found.start(), self._hit(found[0])

    def visits(self, block: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield visit and time of the lines of the site itself, which have no uploading."""
        for found in self._of_site.finditer(block):
            yield found["visit"], found["moment"]

    def _visit_pattern(self) -> re.Pattern[bytes]:
        cells = {
            UPLOADING: rb"0?",
            VISIT: rb"(?P<visit>[1-9]\d*)",
            MOMENT: rb"(?P<moment>[^\t\n]+)",
        }
        names = sorted(self._place, key=lambda name: self._place[name])
        last = max(self._place[name] for name in cells)
        row = rb"\t".join(cells.get(name, rb"[^\t\n]*") for name in names[: last + 1])
        return re.compile(rb"^%b(?=[\t\n])" % row, re.MULTILINE)

    def _hit(self, line: bytes) -> Hit:
        cells = line.rstrip(b"\r").decode(errors="replace").split("\t")
        if len(cells) != len(self._place):
            raise UnreadableRow
        cell = {name: cells[at] for name, at in self._place.items()}
        return Hit(
            uploading_id=int(cell[UPLOADING]),
            visit_id=_number(cell[VISIT]),
            moment=_moment(cell[MOMENT]),
            client_id=_number(cell[CLIENT]),
            goals=tuple(_numbers(cell[GOALS])),
            talk=_count(cell[TALK]),
            hold=_count(cell[HOLD]),
        )


def _moment(text: str) -> str:
    """Return a local time with a blank between date and time."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None).isoformat(" ", "seconds")
    except ValueError:
        raise UnreadableRow from None


def _number(text: str) -> str:
    """Return an identifier without leading zeros; '' for none, which Metrika writes as 0."""
    if text and not _DIGITS.match(text):
        raise UnreadableRow
    return text.lstrip("0")


def _count(text: str) -> int | None:
    """Return a duration. Metrika writes -1 or nothing for one that it does not know."""
    if text in ("", "-1"):
        return None
    if not _DIGITS.match(text):
        raise UnreadableRow
    return int(text)


def _numbers(text: str) -> list[int]:
    """Read an array: ``[1,2]``."""
    inside = text.strip()[1:-1]
    found = [one.strip() for one in inside.split(",")] if inside.strip() else []
    if not all(_DIGITS.match(one) for one in found):
        raise UnreadableRow
    return list(map(int, found))
