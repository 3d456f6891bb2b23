"""Rows that are stored with COPY are read back as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError, connection, transaction

from calls.runtime.copying import array_of, copy_rows

pytestmark = pytest.mark.django_db
COLUMNS = ("number", "word", "at", "is_one", "words", "content")
AT = datetime(2026, 3, 20, 12, 0, 1, 5, tzinfo=UTC)
#: What COPY's text format or the literal of an array gives a meaning.
ODD = ["", "\\N", "\\.", "a\tb", "a\nb", "a\r\nb", "\\", "\\\\n", '"', "{a,b}", "NULL", "ё☎", " "]


@pytest.fixture(autouse=True)
def table() -> Iterator[None]:
    execute(
        "CREATE TEMPORARY TABLE copied (number int, word text, at timestamptz, is_one bool,"
        " words text[], content jsonb)"
    )
    yield
    execute("DROP TABLE copied")


def execute(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def test_values_are_stored_as_they_are() -> None:
    rows = [(number, word, AT, True, "{}", None) for number, word in enumerate(ODD)]

    copy_rows("copied", COLUMNS, rows)

    stored = execute("SELECT number, word, at, is_one, words, content FROM copied ORDER BY number")
    assert stored == [(number, word, AT, True, [], None) for number, word in enumerate(ODD)]


def test_array_and_json_are_stored_as_they_are() -> None:
    copy_rows("copied", COLUMNS, [(1, "", AT, False, array_of(ODD), '{"a": "b\\n\\\\c\\"\\t"}')])

    assert execute("SELECT words, content ->> 'a' FROM copied") == [(ODD, 'b\n\\c"\t')]


@pytest.mark.parametrize("words", [[], [""], ['"'], ["", ""], ["a", "\\"], ["a b", "ё,{}"]])
def test_array_has_the_texts_that_were_given(words: list[str]) -> None:
    copy_rows("copied", COLUMNS, [(1, "", AT, True, array_of(words), None)])

    assert execute("SELECT words FROM copied") == [(words,)]


def test_last_value_may_be_bytes_of_a_text() -> None:
    content = r'{"a": "b\n\\c\tё"}'
    rows = [(1, None, AT, True, "{}", content.encode()), (2, "", None, None, None, b"{}")]

    copy_rows("copied", COLUMNS, rows)

    stored = execute("SELECT word, at, content ->> 'a' FROM copied ORDER BY number")
    assert stored == [(None, AT, json.loads(content)["a"]), ("", None, None)]


@pytest.mark.parametrize("word", ["a\0b", "\ud801"])
def test_text_that_postgresql_refuses_is_an_error(word: str) -> None:
    with pytest.raises(DataError), transaction.atomic():
        copy_rows("copied", COLUMNS, [(1, word, AT, True, "{}", None)])

    assert execute("SELECT count(*) FROM copied") == [(0,)]


def test_error_is_one_of_django_and_nothing_is_stored() -> None:
    with pytest.raises(DataError), transaction.atomic():
        copy_rows("copied", COLUMNS, [(1, "", AT, True, "{}", None), (2**40,) + (None,) * 5])

    assert execute("SELECT count(*) FROM copied") == [(0,)]
