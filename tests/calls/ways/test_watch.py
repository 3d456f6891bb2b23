"""Schema watch: which fields of a source's records have become empty, and since when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import CallSource
from calls.models import EmptyField, WatchedHour
from calls.queries.empty_fields import empty_fields, empty_text, fields_of
from calls.states import HoldBack
from calls.tasks import watch_fields
from calls.ways import watch
from calls.ways.empty_fields import Hour, emptied_fields
from tests import factories
from tests.calls.stored import store_call

# 13:30 in Moscow
START = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def come(source: CallSource, calls: int, raw: dict[str, Any], **fields: Any) -> None:
    for _number in range(calls):
        values = {"raw": raw, "source": source, "decided": False, **fields}
        store_call(cabinet=source.cabinet, **values)


def test_emptied_field_is_told_within_the_hour_and_until_it_comes_again(
    source: CallSource, clock: time_machine.Traveller, owner_client: Client
) -> None:
    other = factories.make_source(cabinet=factories.make_cabinet())
    come(source, 24, {"yaClid": "7", "tags": " ", "comment": "-", "campaign": "1"})
    come(source, 1, {"yaClid": None, "campaign": "1"})
    come(other, 40, {"yaClid": "7"})
    assert watch_fields() == 2
    assert not EmptyField.objects.exists()

    clock.move_to(START + timedelta(minutes=40))
    come(source, 25, {"yaClid": "", "campaign": "1"})
    come(source, 5, {"yaClid": "7", "campaign": "1"})
    come(source, 20, {"yaClid": ""}, hold_back=HoldBack.TRIAL)
    come(source, 20, {"yaClid": ""}, is_finished=False)
    come(other, 40, {"yaClid": "7"})
    for _run in range(2):
        assert watch_fields() == 2

    (found,) = empty_fields(source.cabinet)
    assert (found.source, found.field) == (source, "yaClid")
    assert found.since == START + timedelta(minutes=30)
    with timezone.override("Europe/Moscow"):
        assert empty_text(found) == (
            "поле yaClid пустое у 83 % звонков с 14:00 (25 из 30, посчитано 14:10); до этого — "
            "у 4 %."
        )
    (watched,) = [one for one in fields_of(source, now=timezone.now()) if one.field == "yaClid"]
    assert (watched.calls, watched.empty, watched.empty_text) == (55, 26, "47 %")
    assert not empty_fields(other.cabinet)
    page = owner_client.get(reverse("integrations:dashboard")).content.decode()
    assert "поле yaClid пустое у 83 % звонков с 14:00" in page

    page = owner_client.get(reverse("calls:source", args=[source.pk])).content.decode()
    assert "Поле yaClid пустое у 83 % звонков с 14:00 (25 из 30" in page
    assert "<code>campaign</code>" in page
    assert "поле yaClid пустое" in owner_client.get(reverse("cabinets:sources")).content.decode()

    clock.move_to(START + timedelta(minutes=100))
    come(source, 6, {"yaClid": "7", "campaign": "1"})
    watch_fields()
    assert not EmptyField.objects.exists()
    clock.move_to(START + timedelta(days=8))
    watch_fields()
    assert not WatchedHour.objects.exists()


def test_call_that_is_finished_later_is_counted_in_its_hour(
    source: CallSource, clock: time_machine.Traveller
) -> None:
    come(source, 1, {"yaClid": "7"})
    store_call(cabinet=source.cabinet, source=source, raw={}, is_finished=False, decided=False)
    watch_fields()
    source.cabinet.calls.update(is_finished=True, raw={"yaClid": "7"})
    clock.shift(timedelta(minutes=40))
    come(source, 1, {"yaClid": "7"})
    watch_fields()

    hours = WatchedHour.objects.order_by("hour").values_list("calls", "filled")
    assert list(hours) == [(2, {"yaClid": 2}), (1, {"yaClid": 1})]


def test_flood_is_sampled_and_does_not_replace_whole_counts(
    source: CallSource, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(source, 3, {"yaClid": "7", "a" * 65: "1", "page": "2"})
    watch_fields()
    monkeypatch.setattr(watch, "MOST_CALLS", 2)
    monkeypatch.setattr(watch, "MOST_FIELDS", 1)

    assert watch_fields() == 0

    hour = WatchedHour.objects.get()
    assert (hour.calls, hour.filled) == (3, {"yaClid": 3, "page": 3})


def hours(*counts: tuple[int, int]) -> list[Hour]:
    """Hours with so many calls, in so many of which the field is filled."""
    return [
        Hour(START + timedelta(hours=number), calls, {"x": filled})
        for number, (calls, filled) in enumerate(counts)
    ]


@pytest.mark.parametrize(
    ("counts", "since"),
    [
        ([(20, 20), (20, 0)], 1),
        ([(20, 9), (20, 0)], None),  # it was filled in less than half
        ([(19, 19), (20, 0)], None),
        ([(20, 20), (19, 0)], None),
        ([(20, 12), (20, 7)], None),  # more than half of what came before
        ([(20, 20), (9, 0), (9, 1), (9, 0)], 1),
        ([(20, 20), (20, 0), (5, 3)], None),  # it comes again
        ([(20, 20), (20, 0), (0, 0), (4, 3)], 1),  # too few to tell
        ([(50, 50), (50, 50), (30, 10), (50, 0)], 2),
        ([(50, 50), (50, 50), (30, 20), (50, 0)], 3),
    ],
)
def test_hour_in_which_a_field_became_empty(
    counts: list[tuple[int, int]], since: int | None
) -> None:
    found = emptied_fields(hours(*counts))

    moments = [one.since for one in found]
    assert moments == ([] if since is None else [START + timedelta(hours=since)])
