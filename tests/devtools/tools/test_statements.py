"""Statements in docs/reliability.md name existing tests, or the reason why there is none."""

from __future__ import annotations

from devtools.tools.reliability_table import DOCUMENT, ROOT, STATEMENT, proofs, put, statement_table

CONTRACT = {
    *(f"A{number}" for number in range(1, 10)),
    *(f"B{number}" for number in range(1, 30)),
    *(f"C{number}" for number in range(1, 6)),
    "D3",
    "D6",
}


def test_page_has_the_proofs_that_the_tests_are_marked_with() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")

    table = statement_table(document, proofs(ROOT / "tests"))

    assert put(document, "statements", table) == document, (
        "python -m devtools.tools.reliability_table"
    )


def test_every_statement_of_the_contract_has_a_proof_or_a_reason() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")

    rows = statement_table(document, proofs(ROOT / "tests")).splitlines()[2:]

    assert {number for number, _words in STATEMENT.findall("\n".join(rows))} == CONTRACT
    assert [row for row in rows if not row.split("|")[3].strip()] == []
