"""Writes the tables of docs/reliability.md: what each fault did, which test proves which statement.

    python -m devtools.tools.reliability_table          after `./test tests/faults`

Figures come from the lines that the tests of faults wrote (FAULT_RESULTS, by default
.cache/fault-results.jsonl; the newest line of a test counts), statements from the marks
`@pytest.mark.contract("B4")` in tests/.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / ".cache" / "fault-results.jsonl"
DOCUMENT = ROOT / "docs" / "reliability.md"
#: Number → what the statement promises, as the document lists them.
STATEMENT = re.compile(r"^\| ([ABCD]\d+) \| (.*?) \|", re.MULTILINE)
FIGURES = ("calls", "rows", "doubles", "losses", "seconds")


def main() -> None:
    """Regenerate the tables of the document, leaving the rest of its text."""
    path = Path(os.environ.get("FAULT_RESULTS", RESULTS))
    document = DOCUMENT.read_text(encoding="utf-8")
    results = newest(path.read_text(encoding="utf-8").splitlines())
    document = put(document, "faults", fault_table(results))
    document = put(document, "harness", harness_table(results))
    document = put(document, "statements", statement_table(document, proofs(ROOT / "tests")))
    DOCUMENT.write_text(document, encoding="utf-8")


def newest(lines: list[str]) -> list[dict[str, Any]]:
    """Return the last result of each test, in the order of the tests."""
    by_test = {result["test"]: result for result in map(json.loads, lines)}
    return [by_test[test] for test in sorted(by_test)]


def fault_table(results: list[dict[str, Any]]) -> str:
    """Return a row per fault."""
    head = "| Fault | Test | Statements | Calls in | Rows there | Doubles | Losses | Seconds |"
    rows = [
        f"| {one['fault']} | `{_name(one['test'])}` | {', '.join(one['contract'])} |"
        f" {_figures(one)} |"
        for one in results
        if not one["is_harness"] and one["fault"]
    ]
    return "\n".join([head, "| --- | --- | --- | --: | --: | --: | --: | --: |", *rows])


def harness_table(results: list[dict[str, Any]]) -> str:
    """Return a row per deliberately broken sender, beside the unchanged one."""
    head = "| Sender and fault | Calls in | Rows in the sandbox | Doubles | Losses | Seconds |"
    rows = [
        f"| {one['fault'].removeprefix('harness: ')} | {_figures(one)} |"
        for one in results
        if one["is_harness"]
    ]
    return "\n".join([head, "| --- | --: | --: | --: | --: | --: |", *rows])


def statement_table(document: str, tests: dict[str, list[str]]) -> str:
    """Return a row per statement; one without a test keeps the reason in the document."""
    kept = dict(_reasons(document))
    rows = []
    for number, words in STATEMENT.findall(_part(document, "statements")):
        found = "<br>".join(f"`{name}`" for name in tests.get(number, []))
        rows.append(f"| {number} | {words} | {found or kept.get(number, '')} |")
    return "\n".join(["| № | Statement | Proof |", "| --- | --- | --- |", *rows])


def proofs(folder: Path) -> dict[str, list[str]]:
    """Return statement → `file::test` of every marked test."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        file = str(path.relative_to(folder))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                for number in _marked(node.decorator_list):
                    found[number].append(f"{file}::{node.name}")
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
                # A mark of the whole file.
                for number in _marked(list(ast.walk(node.value))):
                    found[number].append(file)
    return found


def _marked(nodes: Sequence[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("contract"):
            yield from (str(ast.literal_eval(number)) for number in node.args)


def put(document: str, name: str, content: str) -> str:
    """Replace the text between the two markers of a part."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, rest = document.split(begin, 1)
    return f"{before}{begin}\n{content}\n{end}{rest.split(end, 1)[1]}"


def _part(document: str, name: str) -> str:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    return document.split(begin, 1)[1].split(end, 1)[0]


def _reasons(document: str) -> Iterator[tuple[str, str]]:
    for line in _part(document, "statements").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 5 and not cells[3].startswith("`"):
            yield cells[1], cells[3]


def _name(test: str) -> str:
    """Return the name without folder and parameters: the column of faults has them."""
    return test.rsplit("::", 1)[1].partition("[")[0]


def _figures(result: dict[str, Any]) -> str:
    return " | ".join("" if result[name] is None else str(result[name]) for name in FIGURES)


if __name__ == "__main__":
    main()
