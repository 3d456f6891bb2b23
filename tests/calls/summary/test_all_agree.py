"""Funnel, statistics, ledger, export and reconciliation show one cabinet alike, to the row.

Each is compared with what was planted (`every_state`), so with all the others.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.urls import reverse

from cabinets.models import Cabinet
from calls.pages.funnel_steps import STEPS, TO_SEND, Rows
from calls.pages.number_table import Cell
from calls.reconciliation.own_side import OwnDay, Period, own_days, own_total
from calls.states import Channel, DisplayState
from counters.models import Counter
from tests import factories
from tests.calls.summary.every_state import DAYS, NOW, File, Row, World, planted, planted_few
from tests.calls.summary.scopes import Scope, day_in, exported, is_in, once, value, walked

pytestmark = pytest.mark.django_db
S = DisplayState
PROCESSED = Rows(next(step.reached.states for step in STEPS if "Приняты" in str(step.title)))


@pytest.fixture
def world(cabinet: Cabinet, counter: Counter) -> World:
    # Calls of the same days in another cabinet: nothing of it may be counted.
    other = factories.make_cabinet(name="Чужой")
    account = factories.make_account(cabinet=other)
    planted_few(other, factories.make_counter(account=account))
    return planted(cabinet, counter)


def test_all_pages_agree(world: World, owner_client: Client) -> None:
    assert {one.shown for one in world.rows} == set(S)
    with time_machine.travel(NOW, tick=False):
        for counter in (None, *world.counters):
            scope = Scope(owner_client, world, counter)
            assert_funnel(scope)
            assert_statistics(scope)
            assert_days(scope)
        assert_calls(Scope(owner_client, world, None))
        assert_reconciliation(Scope(owner_client, world, None))
        assert_comparison_page(Scope(owner_client, world, world.counters[0]))
        assert_uploads(Scope(owner_client, world, None))
    assert_plain_sql(world)


def assert_funnel(scope: Scope) -> None:
    """The steps, what stayed before each, and the places; each with the ledger that it opens."""
    tables = scope.tables("funnel")
    lines = zip(STEPS, tables["steps"].rows, tables["steps"].bars, strict=True)
    for step, (_title, reached, _share, lost, example), bar in lines:
        if step.is_linked:
            linked = sum(one.linked or 0 for one in scope.files)
            assert value(reached) == linked
            # Which rows of a file are linked is not told: beneath are all of such files.
            assert (reached.url, lost.url) == ("", "")
            for cell, asked in ((reached, step.reached), (lost, step.stayed)):
                of_files = [one for one in scope.rows if is_in(one, asked)]
                assert bool(cell.under) == bool(of_files)
                if cell.under:
                    assert value(cell.under) == len(of_files)
                    scope.opens(cell.under, of_files)
            assert_rows_of_files(scope, value(tables["steps"].rows[-2][1]), (reached, lost))
        else:
            for cell, asked in ((reached, step.reached), (lost, step.stayed)):
                expected = [one for one in scope.rows if is_in(one, asked)]
                assert value(cell) == len(expected), step.title
                if expected and (scope.counter is None or asked.stage):
                    scope.opens(cell, expected)
        assert bar.text.startswith(reached.text)
        assert bool(example.url) == bool(value(reached)), step.title
    places = tables["places"].rows
    labels = {str(label): state for state, label in S.choices}
    found = {(labels[one[0].text], one[1].text): value(one[2]) for one in places[:-1]}
    assert sum(found.values()) == value(places[-1][2]) == len(scope.rows)
    by_state: Tally[str] = Tally()
    for (state, _reason), number in found.items():
        by_state[state] += number
    assert by_state == Tally(one.shown for one in scope.rows)
    partly = [one for one in scope.rows if one.shown == S.PARTLY_ACCEPTED]
    assert (f"не целиком: {len(partly)}." in tables["steps"].note) == bool(partly)


def assert_rows_of_files(scope: Scope, accepted: int, cells: Sequence[Cell]) -> None:
    """Beneath the linked rows and the others stand all accepted ones that may be among them."""
    of_state = Tally(one.shown for one in scope.rows)
    reached, lost = (value(one.under) if one.under else 0 for one in cells)
    assert reached == accepted - of_state[S.ACCEPTED_STATIC] - of_state[S.UNMATCHED]
    assert lost == accepted - of_state[S.ACCEPTED]


def assert_statistics(scope: Scope) -> None:
    """States and reasons of rows; calls by day."""
    tables = scope.tables("statistics")
    labels = {str(label): state for state, label in S.choices}
    states = {labels[one[0].text]: value(one[1]) for one in tables["states"].rows}
    assert states == Tally(one.shown for one in scope.rows)
    reasons = Tally(one.why for one in scope.rows if one.why)
    assert [value(one[1]) for one in tables["reasons"].rows] == [
        number for _code, number in reasons.most_common(len(tables["reasons"].rows))
    ]
    days = [value(one[3]) for one in tables["days"].rows]
    calls = scope.world.calls.items() if not scope.counter else calls_of(scope)
    by_day = Tally(at.astimezone(scope.world.cabinet.zone).day for _call, at in calls)
    assert days == [by_day[day] for day in DAYS]


def calls_of(scope: Scope) -> Iterable[tuple[int, Any]]:
    """Return the calls of a counter's rows in the channel of calls."""
    return {(one.call, one.at) for one in scope.rows if one.channel == Channel.CALLS}


def assert_days(scope: Scope) -> None:
    """Each day of the ledger: its bar, its pages and its file."""
    url = f"{reverse('calls:list')}?x=1"
    answer = scope.client.get(url, scope.query)
    zone = scope.world.cabinet.zone
    rows = Tally(day_in(one, zone) for one in scope.rows)
    bars = [one["sum"] for one in answer.context["chart_days"]]
    assert bars == [rows[date(2026, 11, day)] for day in DAYS]
    assert sum(bars) == len(scope.rows)
    for bar, day in zip(answer.context["chart_days"], DAYS, strict=True):
        of_day = [one for one in scope.rows if day_in(one, zone) == date(2026, 11, day)]
        if scope.counter is not None and day % 3 == 2:
            assert exported(scope.world.cabinet, bar["url"]) == len(of_day)
        elif scope.counter is None and day in (11, 15, 20):
            # Calls of no counter have no row, and are listed.
            calls = [pk for pk, at in scope.world.calls.items() if at.astimezone(zone).day == day]
            assert Tally(walked(scope.client, bar["url"])) == once(calls)


def assert_calls(scope: Scope) -> None:
    """The records that came, calls with and without a counter, and what the logs say of rows."""
    tables, world = scope.tables("funnel"), scope.world
    assert [value(row[1]) for row in tables["records"].rows] == [10, 6, 1, 2, 1]
    routed = {one.call for one in scope.rows}
    calls, alone, with_counter = (row[1] for row in tables["calls"].rows)
    assert [value(one) for one in (calls, alone, with_counter)] == [
        len(world.calls),
        len(world.calls) - len(routed),
        len(routed),
    ]
    assert Tally(walked(scope.client, calls.url)) == once(world.calls)
    assert Tally(walked(scope.client, alone.url)) == once(set(world.calls) - routed)
    *proofs, every = tables["proofs"].rows
    assert [value(row[1]) for row in (*proofs, every)] == [3, 1, 2, 6]
    for row in proofs:
        assert exported(world.cabinet, row[1].url) == value(row[1])
        assert len(walked(scope.client, row[1].url)) == value(row[1])


def assert_reconciliation(scope: Scope) -> None:
    """Of each counter, channel and day of its own zone; the sums are those of the funnel."""
    steps = [value(row[1]) for row in scope.tables("funnel")["steps"].rows]
    sums = OwnDay(date(2026, 11, 1))
    for counter in scope.world.counters:
        zone = counter.time_zone or scope.world.cabinet.time_zone
        period = Period(date(2026, 11, 10), date(2026, 11, 22), zone, None)
        for channel in Channel:
            rows = [
                one
                for one in scope.rows
                if (one.counter, one.channel) == (counter.pk, channel.value)
            ]
            files = [
                one
                for one in scope.files
                if one.upload.counter == counter and one.upload.channel == channel
            ]
            found = own_days(counter, channel, period)
            for day in {day_in(one, ZoneInfo(zone)) for one in rows}:
                of_day = [one for one in rows if day_in(one, ZoneInfo(zone)) == day]
                assert_counts(found[day], of_day, files)
            assert sum(one.received for one in found.values()) == len(rows)
            total = own_total(counter, channel, period)
            assert_counts(total, rows, files)
            sums += total
    assert (sums.received, sums.sent) == (steps[0], steps[3])
    waiting = sum(one.shown in (S.WAITING, S.HELD) for one in scope.rows)
    assert sums.to_send == steps[2] + waiting
    # Rows of files that were accepted in part are accepted in the funnel; here are Metrika's lines.
    partly = [one for one in scope.files if one.shown == S.PARTLY_ACCEPTED]
    not_lines = sum(len(one.rows) - one.lines for one in partly)
    assert not_lines > 0
    assert sums.accepted_low == sums.accepted_high == steps[4] - not_lines
    untold = [one for one in scope.files if is_linkable(one) and one.linked is None]
    assert sums.linked_low == steps[5]
    assert sums.linked_high == steps[5] + sum(len(one.rows) for one in untold)


def is_linkable(file: File) -> bool:
    return file.rows[0].with_metrika and not file.upload.is_static


def assert_counts(own: OwnDay, rows: Sequence[Row], files: Sequence[File]) -> None:
    """Our side has exactly these rows, and at least and at most what the files can hold of them."""
    assert own.received == len(rows)
    assert own.to_send == sum(one.shown in TO_SEND for one in rows)
    assert own.sent == sum(one.with_metrika for one in rows)
    accepted, linked = [0, 0], [0, 0]
    for file in files:
        count = len(set(file.rows) & set(rows))
        rest = len(file.rows) - count
        if file.shown in PROCESSED.states:
            accepted[0] += max(0, file.lines - rest)
            accepted[1] += min(file.lines, count)
        if is_linkable(file):
            linked[0] += max(0, (file.linked or 0) - rest)
            linked[1] += min(count, len(file.rows) if file.linked is None else file.linked)
    assert [own.accepted_low, own.accepted_high] == accepted
    assert [own.linked_low, own.linked_high] == linked


def assert_comparison_page(scope: Scope) -> None:
    """The numbers of the page are those of our side, and open the ledger with as many rows."""
    assert scope.counter is not None
    answer = scope.client.get(reverse("calls:reports"), {"counter": scope.counter.pk, "days": 14})
    lines = answer.context["comparisons"][0].lines
    rows = [one for one in scope.rows if one.channel == Channel.CALLS]
    assert sum(line.own.received for line in lines) == len(rows)
    for line in lines:
        if line.own.day.day % 4 == 0:
            for name in line.ledger.keys() - {"accepted"}:
                opened = exported(scope.world.cabinet, line.ledger[name])
                assert opened == getattr(line.own, name)
        assert bool(line.kept_url) == (line.own.received > line.own.to_send)
        if line.kept_url and line.own.day.day % 2:
            opened = exported(scope.world.cabinet, line.kept_url)
            assert opened == line.own.received - line.own.to_send
        assert bool(line.unsent_url) == (line.own.to_send > line.own.sent)
        if line.unsent_url:
            opened = exported(scope.world.cabinet, line.unsent_url)
            assert opened == line.own.to_send - line.own.sent
        assert set(line.ledger) == {
            name
            for name, number in (
                ("received", line.own.received),
                ("to_send", line.own.to_send),
                ("sent", line.own.sent),
                ("accepted", line.own.accepted_high),
            )
            if number
        }
    far = scope.client.get(reverse("calls:reports"), {"counter": scope.world.counters[1].pk})
    assert {url for line in far.context["comparisons"][0].lines for url in line.ledger} == set()


def assert_uploads(scope: Scope) -> None:
    """The ledger of an upload has its rows, in its pages and in its file."""
    for file in scope.files[::3]:
        url = f"{reverse('calls:list')}?upload={file.upload.pk}"
        assert exported(scope.world.cabinet, url) == len(file.rows)
        assert Tally(walked(scope.client, url)) == once({one.call for one in file.rows})


def assert_plain_sql(world: World) -> None:
    """What was planted is what stands in the tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.counter_id, d.channel, count(*), count(u.uploading_id) FROM calls_delivery d"
            " LEFT JOIN calls_upload u ON u.id = d.upload_id WHERE d.cabinet_id = %s"
            " GROUP BY 1, 2",
            [world.cabinet.pk],
        )
        found = {(counter, channel): tuple(n) for counter, channel, *n in cursor.fetchall()}
    planted_rows: dict[tuple[int, int], tuple[int, int]] = {}
    for one in world.rows:
        rows, sent = planted_rows.get((one.counter, one.channel), (0, 0))
        planted_rows[one.counter, one.channel] = (rows + 1, sent + one.with_metrika)
    assert found == planted_rows
