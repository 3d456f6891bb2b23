"""Each worker's share of the tests begins with long ones; a file stays in one share."""

from __future__ import annotations

from devtools.launcher.pytest_order import STARTS, WAITING, in_shares, rank


def test_files_go_to_the_smaller_share_in_their_order() -> None:
    files = [["J1"], ["S1", "S2"], ["a1", "a2", "a3"], ["b1"], ["c1", "c2"]]

    assert in_shares([], files, 2) == ["J1", "a1", "a2", "a3", "S1", "S2", "b1", "c1", "c2"]


def test_tests_that_wait_are_the_beginning_of_the_first_share() -> None:
    waiting, others = [["w1"], ["w2", "w3"]], [["J1"], ["a1", "a2"], ["b1", "b2"], ["c1"]]

    shares = in_shares(waiting, others, 2)

    assert shares == ["w1", "w2", "w3", "b1", "b2", "J1", "a1", "a2", "c1"]


def test_rank_is_the_place_of_the_longest_beginning() -> None:
    assert rank("tests/faults/test_broker.py::test_x") == 2
    assert rank("tests/faults/test_pull.py::test_x") == 3
    assert rank("tests/faults/test_kill_points.py::test_x[a]") > len(WAITING)
    assert rank("tests/browser/test_menus.py::test_x") == STARTS.index("tests/browser/")
    assert rank("tests/help/test_pages.py::test_x") == len(STARTS)


def test_nothing_is_lost_or_doubled() -> None:
    files = [list(range(start, start + size)) for start, size in ((0, 5), (5, 1), (6, 9), (15, 2))]

    assert sorted(in_shares(files[2:3], [*files[:2], files[3]], 3)) == list(range(17))
