"""The next item is made in a thread while the caller works on the one before."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.utils.translation import get_language, override

from calls.runtime.read_ahead import read_ahead


def test_items_come_in_order() -> None:
    assert list(read_ahead(iter(range(50)))) == list(range(50))
    assert list(read_ahead(iter(()))) == []


def test_one_item_is_made_while_the_caller_has_the_one_before() -> None:
    made: list[int] = []
    second = threading.Event()

    def numbers() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    items = read_ahead(numbers())
    assert next(items) == 0
    assert second.wait(timeout=60)
    # The third is asked for only with the second.
    assert made == [0, 1]
    assert list(items) == [1, 2, 3, 4]


def test_error_comes_in_place_of_its_item() -> None:
    def numbers() -> Iterator[int]:
        yield from (1, 2)
        raise OSError("unreadable")

    items = read_ahead(numbers())

    assert (next(items), next(items)) == (1, 2)
    with pytest.raises(OSError, match="unreadable"):
        next(items)
    assert list(items) == []


def test_closing_ends_the_thread() -> None:
    threads = threading.active_count()
    items = read_ahead(iter(range(5)))
    next(items)
    assert threading.active_count() == threads + 1

    items.close()

    assert threading.active_count() == threads


def test_items_are_made_in_the_language_of_the_caller() -> None:
    with override("de"):
        assert list(read_ahead(get_language() for _number in range(3))) == ["de"] * 3
