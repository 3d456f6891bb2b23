"""Each worker's share of the tests begins with long ones; a file stays in one share."""

from __future__ import annotations

from devtools.launcher.pytest_order import in_shares


def test_files_go_to_the_smaller_share_in_their_order() -> None:
    files = [["J1"], ["S1", "S2"], ["a1", "a2", "a3"], ["b1"], ["c1", "c2"]]

    assert in_shares(files, 2) == ["J1", "a1", "a2", "a3", "S1", "S2", "b1", "c1", "c2"]


def test_nothing_is_lost_or_doubled() -> None:
    files = [list(range(start, start + size)) for start, size in ((0, 5), (5, 1), (6, 9), (15, 2))]

    assert sorted(in_shares(files, 3)) == list(range(17))
