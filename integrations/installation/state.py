"""Judges the row of the installation by the marks that were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings

from integrations.installation.marks import Mark, Reading, highest
from integrations.installation.public_host import is_real
from integrations.models import Installation

Halt = Installation.Halt


class Kind(StrEnum):
    """What this database is, as far as sending is concerned."""

    OK = "ok"
    #: Never adopted, and no place holds a mark: it becomes the installation at the first send.
    NEW = "new"
    BEHIND = "behind"
    FOREIGN = "foreign"
    NO_MARK = "no_mark"
    COPY = "copy"


@dataclass(frozen=True)
class State:
    """The judgement, and what it was made of."""

    kind: Kind
    row: Installation
    readings: tuple[Reading, ...]
    #: Host of PUBLIC_URL now.
    host: str
    #: When this was judged.
    at: datetime

    @property
    def mark(self) -> Mark | None:
        """The highest mark that was read."""
        return highest(self.readings)

    @property
    def lacks_a_mark(self) -> bool:
        """Whether a place that can be read has no mark: it is written anew from the other."""
        return any(not one.problem and one.mark is None for one in self.readings)

    @property
    def is_copy(self) -> bool:
        """Whether the database was made a copy by a person."""
        return self.row.kind == Installation.Kind.COPY

    @property
    def halt(self) -> Halt | None:
        """The reason to store; None when nothing is halted, or the copy has its own reason."""
        return Halt(self.kind) if self.kind.value in Halt.values else None

    @property
    def may_send(self) -> bool:
        """Whether uploads may be sent."""
        return self.kind is Kind.OK or (self.kind is Kind.COPY and not reaches_yandex())

    @property
    def is_halted(self) -> bool:
        """Whether nothing is sent, for whatever reason but that the database is new."""
        return not self.may_send and self.kind is not Kind.NEW

    @property
    def may_be_adopted(self) -> bool:
        """Whether only the host differs: every mark is this installation's, and none is ahead."""
        found = [one.mark for one in self.readings if one.mark is not None]
        is_own = all(one.uid == self.row.uid and one.epoch <= self.row.epoch for one in found)
        return self.kind is Kind.FOREIGN and bool(found) and is_own

    @property
    def may_request(self) -> bool:
        """Whether other requests to Yandex may be made: it is the same installation."""
        if self.kind is Kind.COPY:
            return not reaches_yandex()
        return self.kind is not Kind.FOREIGN


def reaches_yandex() -> bool:
    """Whether any configured address is outside this machine and its private network."""
    return any(
        is_real(url)
        for url in (settings.YANDEX_OAUTH_URL, settings.YANDEX_LOGIN_URL, settings.METRIKA_API_URL)
    )


def judge(row: Installation, readings: Sequence[Reading], *, host: str, now: datetime) -> State:
    """Return what the database is, by its row, the marks and the host of PUBLIC_URL."""
    return State(_kind(row, readings, host), row, tuple(readings), host, now)


def _kind(row: Installation, readings: Sequence[Reading], host: str) -> Kind:
    if row.kind == Installation.Kind.COPY:
        return Kind.COPY
    if row.halt_reason in (Halt.BEHIND, Halt.FOREIGN):
        return Kind(row.halt_reason)
    if _is_foreign(row, readings, host):
        return Kind.FOREIGN
    mark = highest(readings)
    if mark is not None and mark.epoch > row.epoch:
        return Kind.BEHIND
    if row.adopted_at is None:
        return Kind.NEW if any(not reading.problem for reading in readings) else Kind.NO_MARK
    if mark is not None:
        return Kind.OK if row.halt_reason != Halt.NO_MARK else Kind.NO_MARK
    # A place that cannot be read may hold the mark: that is no proof of another installation.
    return Kind.NO_MARK if any(reading.problem for reading in readings) else Kind.FOREIGN


def _is_foreign(row: Installation, readings: Sequence[Reading], host: str) -> bool:
    if row.adopted_at is not None and row.public_host != host:
        return True
    found = [reading.mark for reading in readings if reading.mark is not None]
    return any(mark.uid != row.uid or mark.public_host != host for mark in found)
