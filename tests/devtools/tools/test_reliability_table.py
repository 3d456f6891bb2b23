"""docs/reliability.md is generated from the results of the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from devtools.tools.reliability_table import fault_table, newest, proofs, put, statement_table

DOCUMENT = """before
<!-- statements -->
| № | Statement | Proof |
| --- | --- | --- |
| B4 | Killed, nothing lost | |
| C3 | Follows Metrika's clock | Not here: one clock |
<!-- /statements -->
after
"""


def result(test: str, **fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "test": test,
        "contract": ["B4"],
        "fault": "kill -9",
        "calls": 7,
        "rows": 7,
        "doubles": 0,
        "losses": 0,
        "seconds": 4.2,
        "is_harness": False,
    }
    return values | fields


def test_newest_line_of_a_test_counts() -> None:
    lines = [json.dumps(result("b", seconds=9)), json.dumps(result("a")), json.dumps(result("b"))]

    assert [(one["test"], one["seconds"]) for one in newest(lines)] == [("a", 4.2), ("b", 4.2)]


def test_row_has_the_figures() -> None:
    table = fault_table(
        [
            result("tests/faults/test_x.py::test_a[after_claim]"),
            result("h::h", is_harness=True),
            result("n::n", fault=""),
        ]
    )

    assert table.splitlines()[2:] == ["| kill -9 | `test_a` | B4 | 7 | 7 | 0 | 0 | 4.2 |"]


def test_statement_names_its_tests_or_keeps_its_reason(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        '@pytest.mark.contract("B4", "B5")\ndef test_killed() -> None: ...\n'
        "def test_other() -> None: ...\n",
        encoding="utf-8",
    )
    (tmp_path / "test_two.py").write_text(
        'pytestmark = [pytest.mark.slow, pytest.mark.contract("B4")]\n', encoding="utf-8"
    )

    table = statement_table(DOCUMENT, proofs(tmp_path))

    assert table.splitlines()[2:] == [
        "| B4 | Killed, nothing lost | `test_one.py::test_killed`<br>`test_two.py` |",
        "| C3 | Follows Metrika's clock | Not here: one clock |",
    ]


def test_text_around_a_part_stays() -> None:
    renewed = put(DOCUMENT, "statements", "new")

    assert renewed == "before\n<!-- statements -->\nnew\n<!-- /statements -->\nafter\n"


def test_empty_part_is_filled_in_its_place_only() -> None:
    document = "one\n\n<!-- faults -->\n<!-- /faults -->\n\ntwo\n"

    assert put(document, "faults", "row") == document.replace("-->\n<", "-->\nrow\n<")
