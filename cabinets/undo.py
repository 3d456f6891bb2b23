"""«Вернуть» in the message about a switch: what its button sends, carried in the message's tag."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Undo:
    """The switch (`row-<key>`), the value that turns it back, and the address it is posted to.

    With the key 0 the whole page is loaded anew: more than one row is turned back.
    """

    key: int
    value: str
    url: str

    @property
    def tag(self) -> str:
        """The text for ``extra_tags`` of a message."""
        return f"{self.key} {self.value} {self.url}"


def undo_of_switch(key: int, url: str, *, enabled: bool) -> str:
    """Return the tag of the message about a switch that was just turned to ``enabled``."""
    return Undo(key, "0" if enabled else "1", url).tag


def read_undo(tag: str) -> Undo | None:
    """Return what a tag carries; None for a message without one."""
    key, _space, rest = tag.partition(" ")
    value, _space, url = rest.partition(" ")
    return Undo(int(key), value, url) if key.isdigit() and url else None
