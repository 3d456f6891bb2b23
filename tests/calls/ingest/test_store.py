"""Calls are stored once, updated when they change, decided in the same transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cabinets.models import CallSource
from calls.ingest.parsing.fields import MAX_COUNT
from calls.ingest.parsing.record import BadRecord
from calls.ingest.store import Result
from calls.models import Call, CallKey, Delivery, Intake, RejectedRecord
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.ingest.storing import store

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def statuses(results: list[Result]) -> list[str]:
    return [result.status for result in results]


def test_new_call_is_stored_with_all_parsed_fields(source: CallSource) -> None:
    item = factories.v3_record(callTime=1_795_000_000, cбПоле="сохранено")

    [result] = store(source, item, now=NOW)

    assert (result.index, result.status, result.error) == (0, "created", None)
    call = Call.objects.get()
    assert call.pk == result.call_id
    assert call.external_id == item["universalId"] == result.external_id
    assert (call.cabinet_id, call.source_id) == (source.cabinet_id, source.pk)
    assert call.started_at == call.partition_at == datetime.fromtimestamp(1_795_000_000, UTC)
    assert (call.received_at, call.updated_at, call.revision) == (NOW, NOW, 1)
    assert (call.phone, call.duration_seconds, call.hold_seconds) == ("+79161234567", 152, None)
    assert (call.tags, call.raw) == (["Целевой", "Балкон"], item)
    assert (call.kind, call.status, call.is_finished) == ("dynamic", "success", True)


def test_call_is_decided_for_every_counter_and_channel_in_use(
    source: CallSource, counter: Counter
) -> None:
    [result] = store(source, factories.v3_record())

    rows = Delivery.objects.order_by("channel").values_list(
        "call_id", "counter_id", "channel", "state", "reason"
    )
    assert list(rows) == [
        (result.call_id, counter.pk, Channel.CALLS, DeliveryState.WAITING, None),
    ]


def test_counter_of_another_cabinet_gets_nothing(source: CallSource) -> None:
    other = factories.make_cabinet(name="Клиника Урал")
    factories.make_counter(account=factories.make_account(cabinet=other))

    store(source, factories.v3_record())

    assert Call.objects.filter(cabinet=other).count() == 0
    assert Delivery.objects.count() == 0


def test_same_call_again_changes_nothing(source: CallSource) -> None:
    item = factories.v3_record(callTime=1_795_000_000)
    [first] = store(source, item, now=NOW)

    [second] = store(source, item | {"hooks": [{"hookAddress": "x"}]}, now=NOW + timedelta(days=1))

    assert (second.status, second.call_id) == ("duplicate", first.call_id)
    call = Call.objects.get()
    assert (call.revision, call.updated_at) == (1, NOW)
    assert "hooks" not in call.raw


def test_changed_call_is_updated_and_keeps_its_partition_and_arrival(source: CallSource) -> None:
    item = factories.v3_record(callTime=1_795_000_000)
    [first] = store(source, item, now=NOW)

    later = NOW + timedelta(hours=1)
    [second] = store(source, item | {"callTime": 1_794_999_996, "tags": ["Спам"]}, now=later)

    assert (second.status, second.call_id) == ("updated", first.call_id)
    call = Call.objects.get()
    assert (call.tags, call.revision) == (["Спам"], 2)
    assert call.started_at == datetime.fromtimestamp(1_794_999_996, UTC)
    assert call.partition_at == datetime.fromtimestamp(1_795_000_000, UTC)
    assert (call.received_at, call.updated_at) == (NOW, later)


def test_changed_call_is_decided_again(source: CallSource, counter: Counter) -> None:
    counter.call_status = Counter.CallStatus.SUCCESS
    counter.save(update_fields=["call_status"])
    item = factories.v3_record()
    store(source, item)

    store(source, item | {"status": "fail"})

    row = Delivery.objects.get(channel=Channel.CALLS)
    assert (row.state, row.reason) == (DeliveryState.SKIPPED, "status")


def test_finished_call_is_updated_and_waits(source: CallSource, counter: Counter) -> None:
    item = factories.v3_record(statusFirst=707, statusSecond=0, status="")
    store(source, item)
    assert Delivery.objects.get(channel=Channel.CALLS).reason == "not_finished"

    [result] = store(source, item | {"statusFirst": 200, "statusSecond": 200})

    assert result.status == "updated"
    assert Delivery.objects.get(channel=Channel.CALLS).state == DeliveryState.WAITING


def test_late_record_of_an_unfinished_call_does_not_undo_its_outcome(source: CallSource) -> None:
    item = factories.v3_record()
    store(source, item)

    [result] = store(source, item | {"statusFirst": 1, "statusSecond": 0, "status": ""})

    assert result.status == "duplicate"
    call = Call.objects.get()
    assert (call.is_finished, call.status_first, call.revision) == (True, 200, 1)


@pytest.mark.parametrize(("codes", "reason"), [((2, 0), "not_finished"), ((790, 0), "test_call")])
def test_unfinished_and_test_calls_are_stored_and_skipped(
    source: CallSource, counter: Counter, codes: tuple[int, int], reason: str
) -> None:
    store(source, factories.v3_record(statusFirst=codes[0], statusSecond=codes[1], status="fail"))

    assert Call.objects.count() == 1
    rows = set(Delivery.objects.values_list("state", "reason"))
    assert rows == {(DeliveryState.SKIPPED, reason)}


def test_last_version_of_a_call_in_one_request_wins(source: CallSource) -> None:
    item = factories.v3_record(callTime=1_795_000_000)
    versions = [item, item, item | {"callTime": 1_795_000_004}, item | {"tags": ["итог"]}]

    results = store(source, *versions, now=NOW)

    assert statuses(results) == ["created", "duplicate", "updated", "updated"]
    call = Call.objects.get()
    assert {result.call_id for result in results} == {call.pk}
    assert (call.tags, call.revision) == (["итог"], 3)
    assert call.partition_at == datetime.fromtimestamp(1_795_000_000, UTC)


@pytest.mark.contract("A7")
def test_bad_record_does_not_reject_the_others(source: CallSource) -> None:
    good, other = factories.v3_record(), factories.v3_record()

    results = store(source, good, {"universalId": "7"}, other)

    assert statuses(results) == ["created", "rejected", "created"]
    assert results[1].call_id is None
    assert results[1].error == BadRecord(
        "missing_field", "callTime", "Нет времени начала звонка.", external_id="7"
    )
    assert Call.objects.count() == CallKey.objects.count() == 2


@pytest.mark.contract("A7")
def test_reposting_a_request_with_bad_records_is_a_no_op(source: CallSource) -> None:
    good = [factories.v3_record(callTime=1_795_000_000) for _number in range(20)]
    items = [*good, {}, {"callTime": "вчера"}]
    store(source, *items, now=NOW)

    for _time in range(2):
        again = store(source, *items, now=NOW + timedelta(days=1))

    assert statuses(again) == ["duplicate"] * 20 + ["rejected"] * 2
    assert set(Call.objects.values_list("revision", "updated_at")) == {(1, NOW)}


def test_external_id_is_unique_within_a_cabinet_only(source: CallSource) -> None:
    item = factories.v3_record()
    other = factories.make_source(cabinet=factories.make_cabinet(name="Клиника Урал"))
    same_cabinet = factories.make_source(cabinet=source.cabinet)

    store(source, item)

    assert statuses(store(other, item)) == ["created"]
    assert statuses(store(same_cabinet, item)) == ["duplicate"]
    assert Call.objects.count() == 2


def test_call_whose_month_was_dropped_stays_a_duplicate(source: CallSource) -> None:
    item = factories.v3_record()
    [first] = store(source, item)
    Call.objects.all().delete()

    [again] = store(source, item | {"tags": ["поздно"]})

    assert (again.status, again.call_id) == ("duplicate", first.call_id)
    assert Call.objects.count() == 0


def test_request_without_usable_records_keeps_and_counts_them(source: CallSource) -> None:
    results = store(source, {}, 5)

    assert statuses(results) == ["rejected", "rejected"]
    kept = RejectedRecord.objects.order_by("pk").values_list("code", "way", "times")
    assert sorted(kept) == [("missing_field", "api", 1), ("not_an_object", "api", 1)]
    assert {one.raw for one in RejectedRecord.objects.all()} == {"{}", "5"}
    intake = Intake.objects.get()
    assert (intake.received, intake.rejected, intake.created) == (2, 2, 0)
    assert not Call.objects.exists()


def test_record_rejected_again_is_kept_once_and_counted_each_time(source: CallSource) -> None:
    store(source, {}, factories.v3_record(), {})
    store(source, {})

    kept = RejectedRecord.objects.get()
    assert (kept.times, kept.code, kept.field) == (3, "missing_field", "callTime")
    assert list(Intake.objects.order_by("pk").values_list("received", "created", "rejected")) == [
        (3, 1, 2),
        (1, 0, 1),
    ]


def test_rejected_record_is_sealed(source: CallSource) -> None:
    store(source, {"clientNumber": "79990000042"})

    with connection.cursor() as cursor:
        cursor.execute("SELECT raw FROM calls_rejectedrecord")
        ((stored,),) = cursor.fetchall()
    assert stored.startswith("v1:")
    assert "79990000042" not in stored


def test_number_of_statements_does_not_grow_with_the_calls(
    source: CallSource, counter: Counter
) -> None:
    old = [factories.v3_record() for _number in range(250)]
    store(source, *old)
    changed = [item | {"tags": ["новый"]} for item in old]
    store(source, old[1] | {"tags": ["иной"]})  # prepares what known calls need

    with CaptureQueriesContext(connection) as few:
        store(source, factories.v3_record(), old[0] | {"tags": ["иной"]})
    with CaptureQueriesContext(connection) as many:
        store(source, *changed, *[factories.v3_record() for _number in range(250)])

    assert len(many) == len(few) == 7
    assert Call.objects.filter(revision__gte=2).count() == 250
    assert Call.objects.count() == 501


@time_machine.travel(NOW, tick=False)
def test_extreme_values_fit_into_their_columns(source: CallSource) -> None:
    big = 2**31 - 1
    item = factories.v3_record(
        callTime=int(NOW.timestamp()) - 86_400,
        duration=0, duration_sec=86_400, duration2_sec=0, statusFirst=-big,
        statusSecond=big, serviceType="callback", cbCallId=2**63 - 1, cbAttempt=MAX_COUNT,
        cbAttemptsQueue=[1],
        clientNumber="9" * 19, universalId="я" * 128, site="с" * 400, userId="u" * 255,
        yaClid=2**64 - 1, tags=["т" * 1000, "\x00"], number=10**4000, text="\ud800\x00🎈",
        nested=[[{"": None}]],
    )  # fmt: skip

    assert statuses(store(source, item)) == ["created"]
    call = Call.objects.get()
    assert (call.duration_seconds, call.hold_seconds) == (0, 86_400)
    assert (call.status_second, call.attempt, call.callback_id) == (big, MAX_COUNT, 2**63 - 1)
    assert (call.raw["text"], call.raw["number"]) == ("🎈", 10**4000)
