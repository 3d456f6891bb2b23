"""What a body may cost is decided by its bytes, with work that grows with their number only."""

from __future__ import annotations

import json

import pytest

from calls.ingest.parsing.json_cost import MAX_MARKS, MAX_TEXT_BYTES, is_too_costly
from tests import factories


def lists(count: int) -> bytes:
    return b"[" + b",".join([b"[]"] * count) + b"]"


class CountingBytes(bytes):
    """Bytes that count how many of them are looked at by searches."""

    looked_at = 0

    def count(self, *arguments: object) -> int:
        type(self).looked_at += len(self)
        return super().count(*arguments)  # type: ignore[arg-type]

    def rfind(self, what: object, start: int, end: int) -> int:  # type: ignore[override]
        found = super().rfind(what, start, end)  # type: ignore[arg-type]
        type(self).looked_at += end - max(found, start)
        return found


@pytest.mark.parametrize(
    ("marks", "is_costly"), [(MAX_MARKS - 1, False), (MAX_MARKS, False), (MAX_MARKS + 1, True)]
)
def test_boundary_of_values(marks: int, is_costly: bool) -> None:
    assert is_too_costly(b"[" + b"1," * (marks - 1)) is is_costly


@pytest.mark.parametrize(
    "body",
    [lists(1_600_000), b"[" * 1_000_000, b'{"a":' * 200_000, b"[" + b"{}," * 60_000 + b"{}]"],
    ids=["empty lists", "depth", "objects in objects", "empty objects"],
)
def test_many_values_and_deep_nesting_are_too_costly(body: bytes) -> None:
    assert is_too_costly(body)


@pytest.mark.parametrize("excess", [0, 1])
def test_boundary_of_a_text(excess: int) -> None:
    text = b"x" * (MAX_TEXT_BYTES - 1 + excess)

    assert is_too_costly(b'["' + text + b'"]') is bool(excess)


def test_full_body_of_calls_is_not_too_costly() -> None:
    records = [factories.v3_record(tags=["Целевой"] * 50) for _number in range(500)]

    assert not is_too_costly(json.dumps({"calls": records}, ensure_ascii=False).encode())


@pytest.mark.parametrize("body", [lists(1_600_000), b'"' * 5_000_000, b'["' + b"x" * 5_000_000])
def test_work_is_proportional_to_the_bytes(body: bytes) -> None:
    CountingBytes.looked_at = 0
    counted = CountingBytes(body)

    is_too_costly(counted)

    assert CountingBytes.looked_at <= 5 * len(body)
