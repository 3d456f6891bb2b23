"""A condition as it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from notices.kinds import Kind

Key = tuple[int, str, str]


@dataclass(frozen=True)
class Found:
    """A condition that stands now; ``facts`` are what its sentence names."""

    cabinet_id: int
    kind: Kind
    subject: str
    facts: dict[str, Any] = field(default_factory=dict)
    #: When it began, as its own rows say; None if they do not.
    since: datetime | None = None

    @property
    def key(self) -> Key:
        """What a cabinet has one open notice of."""
        return self.cabinet_id, self.kind.value, self.subject
