"""The marks of an installation outside its database: a file, and a key in the broker.

A mark says how far the database had come when the last upload was sent. Whichever place can be
read counts; the highest mark of an installation rules. A mark never goes backwards, except by
`replace_all`, which belongs to a person's order.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

logger = logging.getLogger(__name__)


class PlaceUnavailable(Exception):
    """A place cannot be read or written now; the text names the place and the reason."""


class OtherInstallation(Exception):
    """A place holds the mark of another installation, which is never overwritten by itself."""


@dataclass(frozen=True)
class Mark:
    """What is kept outside the database. ``public_host`` as in `public_host.public_host`."""

    uid: UUID
    public_host: str
    #: Number of the last claim before whose request the mark was written.
    epoch: int
    #: The highest primary key of an upload that was sent.
    highest_upload: int
    at: datetime

    def to_json(self) -> str:
        """Return the mark as JSON, readable with `read_mark`."""
        return json.dumps(asdict(self), default=_text)

    def covers(self, other: Mark) -> bool:
        """Whether nothing of ``other`` is lost when this mark stays."""
        return self.epoch >= other.epoch and self.highest_upload >= other.highest_upload

    def merged(self, other: Mark) -> Mark:
        """Return the mark that covers both, with the later of the times."""
        newer = self if self.epoch >= other.epoch else other
        return replace(
            newer,
            highest_upload=max(self.highest_upload, other.highest_upload),
            at=max(self.at, other.at),
        )


def read_mark(text: str | bytes) -> Mark:
    """Return the mark from its JSON. Raises ValueError for anything else."""
    try:
        values: dict[str, Any] = json.loads(text)
        return Mark(
            uid=UUID(values["uid"]),
            public_host=str(values["public_host"]),
            epoch=int(values["epoch"]),
            highest_upload=int(values["highest_upload"]),
            at=datetime.fromisoformat(values["at"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a mark: {type(error).__name__}") from None


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class Place(Protocol):
    """A place that keeps one mark."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    def read(self) -> Mark | None:
        """Return the mark, None when there is none. Raises PlaceUnavailable."""

    def advance(self, mark: Mark) -> None:
        """Store the mark unless the stored one is further, atomically over all processes.

        Returns when the place durably holds this mark or one that covers it. Raises
        PlaceUnavailable or OtherInstallation.
        """

    def replace(self, mark: Mark) -> None:
        """Store the mark whatever is there. Raises PlaceUnavailable."""


@dataclass(frozen=True)
class Reading:
    """What a place said: its mark, none, or why it could not be read."""

    place: str
    mark: Mark | None = None
    problem: str = ""


def places() -> tuple[Place, ...]:
    """Return the places that the settings name."""
    from integrations.installation.broker_mark import BrokerMark
    from integrations.installation.file_mark import FileMark

    return FileMark.from_settings(), BrokerMark.from_settings()


def read_all() -> tuple[Reading, ...]:
    """Read every place."""
    return tuple(_read(place) for place in places())


def _read(place: Place) -> Reading:
    try:
        return Reading(place.name, place.read())
    except PlaceUnavailable as problem:
        return Reading(place.name, problem=str(problem))


def highest(readings: Sequence[Reading]) -> Mark | None:
    """Return the mark that covers all that were read, None when there is none."""
    found = [reading.mark for reading in readings if reading.mark is not None]
    if not found:
        return None
    result = found[0]
    for mark in found[1:]:
        result = result.merged(mark)
    return result


def advance_all(mark: Mark) -> int:
    """Store the mark in every place; return how many hold it. Raises OtherInstallation."""
    return sum(_write(place.advance, mark) for place in places())


def replace_all(mark: Mark) -> int:
    """Overwrite whatever the places hold; return how many could be written."""
    return sum(_write(place.replace, mark) for place in places())


def _write(write: Any, mark: Mark) -> bool:
    try:
        write(mark)
    except PlaceUnavailable as problem:
        logger.warning("the mark of the installation is not written: %s", problem)
        return False
    return True
