"""Parameters of prepared statements arrive as they were given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from calls.runtime.prepared import AS_BEFORE_SQL, Prepared, held_of, rows_of_last

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 20, 12, 0, 1, 5, tzinfo=UTC)
LISTS = Prepared(
    "lists",
    f"SELECT %(texts)s, %(numbers)s, %(times)s, {AS_BEFORE_SQL}",
    {"texts": "text[]", "numbers": "bigint[]", "times": "timestamptz[]"},
)


@pytest.mark.parametrize(
    ("texts", "numbers", "times"),
    [
        ([], [], []),
        (["", " ", "NULL", "{a,b}", '"', "\\", "\\'", "ё\n", "%(texts)s"], [0, -5, 2**62], [AT]),
        ([None, "a"], [None, 1], [None, AT]),
        (["a"], [1], [AT.astimezone(timezone(timedelta(hours=-3, minutes=-30)))]),
    ],
)
def test_lists_arrive_as_they_were_given(
    texts: list[Any], numbers: list[Any], times: list[Any]
) -> None:
    given = {"texts": texts, "numbers": numbers, "times": times}

    assert LISTS.rows(given, held=held_of([LISTS]))[0][:3] == (texts, numbers, times)
    assert rows_of_last([(LISTS, given)], held={LISTS.name})[0][:3] == (texts, numbers, times)
