"""The tag of a message that carries what «Вернуть» sends."""

from __future__ import annotations

import pytest

from cabinets.undo import Undo, read_undo, undo_of_switch


@pytest.mark.parametrize(("enabled", "value"), [(True, "0"), (False, "1")])
def test_undo_turns_the_switch_back(enabled: bool, value: str) -> None:
    tag = undo_of_switch(7, "/lk/switch", enabled=enabled)

    assert read_undo(tag) == Undo(7, value, "/lk/switch")


@pytest.mark.parametrize("tag", ["", "safe", "7", "7 1", "x 1 /lk"])
def test_other_tags_carry_nothing(tag: str) -> None:
    assert read_undo(tag) is None
