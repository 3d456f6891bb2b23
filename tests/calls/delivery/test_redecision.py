"""Many calls that wait for a changed counter are decided again in the background."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, redecision
from calls.delivery.streams import due_streams, gathered_by
from calls.models import Call, Delivery, Redecision, Upload
from calls.queries.backlog import due_work
from calls.queries.redecision import Progress, progress_of
from calls.runtime import failpoints
from calls.states import Attention, Channel, DeliveryState, UploadState
from counters import lifecycle
from counters.models import Counter
from counters.settings.save import save_settings
from integrations.models import YandexAccount
from tests import factories
from tests.calls import ledger
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call

pytestmark = [pytest.mark.django_db, pytest.mark.contract("A3", "B4")]

MANY = 7
#: Of the step that counts and of one that decides, with those of their transaction.
STATEMENTS = 19
LONG = {"min_duration_seconds": 200}


class Killed(BaseException):
    """What `kill -9` is to the transaction: nothing after it runs."""


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(redecision, "AT_ONCE", MANY - 1)
    monkeypatch.setattr(redecision, "STEP", 3)
    settings.UPLOAD_MIN_WAIT_SECONDS = 0


@pytest.fixture
def counter(account: YandexAccount) -> Counter:
    return factories.make_counter(account=account)


@pytest.fixture
def calls(cabinet: Cabinet, counter: Counter) -> list[Call]:
    """Calls of 152 seconds and of 300, by turns, each with rows of both channels."""
    start = timezone.now() - timedelta(hours=2)
    stored = [
        store_call(
            cabinet=cabinet,
            started_at=start + timedelta(minutes=number),
            duration_seconds=300 if number % 2 else 152,
        )
        for number in range(MANY)
    ]
    skipped: dict[str, Any] = {"state": DeliveryState.SKIPPED, "reason": "goal_not_set"}
    for call in stored:
        ledger.make_delivery(call=call, counter=counter, channel=Channel.GOAL, **skipped)
    return stored


@pytest.fixture
def kills() -> Iterator[list[int]]:
    """Ends the process at the passage of `before_redecision_commit` that is put in."""
    passages: list[int] = []
    seen = [0]

    def listen(name: failpoints.Name) -> None:
        if name == "before_redecision_commit" and passages:
            seen[0] += 1
            if seen[0] == passages[0]:
                raise Killed

    failpoints.listener = listen
    yield passages
    failpoints.listener = None


def save(counter: Counter, **values: Any) -> Counter:
    current = Counter.objects.get(pk=counter.pk)
    return save_settings(
        counter=current, version=current.version, values=values, actor=None, now=timezone.now()
    )


def outcome() -> list[tuple[int, str | None, int]]:
    rows = Delivery.objects.filter(channel=Channel.CALLS).order_by("call_id")
    return list(rows.values_list("state", "reason", "settings_version"))


SHORT_IS_OUT = [
    (DeliveryState.WAITING, None, 2) if number % 2 else (DeliveryState.SKIPPED, "too_short", 2)
    for number in range(MANY)
]


def test_few_calls_are_decided_with_the_change(calls: list[Call], counter: Counter) -> None:
    calls[-1].deliveries.all().delete()

    save(counter, **LONG)

    assert not Redecision.objects.exists()
    assert outcome() == SHORT_IS_OUT[:-1]


def test_many_calls_are_decided_after_the_change_and_nothing_is_built_before(
    calls: list[Call], counter: Counter
) -> None:
    (stream,) = due_streams(timezone.now())
    before = outcome()

    save(counter, **LONG)

    assert outcome() == before
    assert due_streams(timezone.now()) == []
    assert gathered_by([counter.pk], now=timezone.now()) == {}
    # The list of streams may have been read before the change.
    assert batching.build_upload(stream, now=timezone.now()) is None
    assert not Upload.objects.exists()

    assert redecision.run(seconds=60) == 1 + 4 + 1  # counting, two calls a step, the end

    assert outcome() == SHORT_IS_OUT
    assert not Redecision.objects.exists()
    assert batching.build_uploads(now=timezone.now()) == 1
    assert Upload.objects.get().rows == MANY // 2


def test_progress_counts_what_waits(calls: list[Call], counter: Counter, kills: list[int]) -> None:
    save(counter, **LONG)
    assert progress_of([counter.pk]) == {counter.pk: Progress(0, None)}
    kills.append(3)

    with pytest.raises(Killed):
        redecision.run(seconds=60)

    # Each call has a row of the other channel, too, which waits for nothing.
    progress = progress_of([counter.pk])[counter.pk]
    assert progress == Progress(4, MANY)
    assert progress.sentence == (
        "Пересчитываем звонки по новым настройкам: 4 из 7. До конца пересчёта звонки, которые "
        "ждут отправки, не отправляются."
    )


@pytest.mark.parametrize("passage", range(1, 6))
def test_killed_at_any_step_it_goes_on_and_decides_the_same(
    calls: list[Call], counter: Counter, kills: list[int], passage: int
) -> None:
    save(counter, **LONG)
    kills.append(passage)

    with pytest.raises(Killed):
        redecision.run(seconds=60)

    assert Redecision.objects.exists()
    assert batching.build_uploads(now=timezone.now()) == 0
    redecision.run(seconds=60)
    assert outcome() == SHORT_IS_OUT
    assert not Redecision.objects.exists()


def test_second_save_begins_again_and_the_last_settings_count(
    calls: list[Call], counter: Counter, kills: list[int]
) -> None:
    save(counter, **LONG)
    kills.append(4)
    with pytest.raises(Killed):
        redecision.run(seconds=60)

    save(counter, min_duration_seconds=0, call_kind="callback")
    assert progress_of([counter.pk]) == {counter.pk: Progress(0, None)}
    redecision.run(seconds=60)

    assert outcome() == [(DeliveryState.SKIPPED, "call_type", 3)] * MANY


def test_what_settings_excluded_returns_in_the_background(
    calls: list[Call], counter: Counter
) -> None:
    save(counter, **LONG)
    redecision.run(seconds=60)

    save(counter, min_duration_seconds=0)
    assert outcome() == SHORT_IS_OUT
    redecision.run(seconds=60)

    assert outcome() == [(DeliveryState.WAITING, None, 3)] * MANY


def test_save_without_a_change_makes_no_new_version(calls: list[Call], counter: Counter) -> None:
    Counter.objects.update(settings_saved_at=None)

    saved = save(counter, min_duration_seconds=0)

    assert saved.version == 1
    assert saved.settings_saved_at is not None
    assert not Redecision.objects.exists()


def test_few_calls_left_by_a_later_change_release_the_counter(
    calls: list[Call], counter: Counter
) -> None:
    save(counter, **LONG)
    Delivery.objects.filter(call=calls[0]).delete()

    save(counter, min_duration_seconds=60)

    assert not Redecision.objects.exists()
    assert outcome() == [(DeliveryState.WAITING, None, 3)] * (MANY - 1)


def test_calls_of_a_counter_that_is_off_are_left_as_they_wait(
    calls: list[Call], counter: Counter
) -> None:
    before = outcome()

    lifecycle.switch_counter(counter=counter, enabled=False, actor=None, now=timezone.now())
    assert not Redecision.objects.exists()
    assert outcome() == before

    lifecycle.switch_counter(counter=counter, enabled=True, actor=None, now=timezone.now())
    assert redecision.run(seconds=60)
    assert [version for _state, _reason, version in outcome()] == [3] * MANY


def test_first_save_with_the_switch_off_lets_them_wait_for_it(
    cabinet: Cabinet, account: YandexAccount
) -> None:
    counter = factories.make_counter(
        account=account, configured_at=None, added_at=timezone.now() - timedelta(hours=6)
    )
    for _number in range(MANY):
        store_call(cabinet=cabinet)
    save_settings(
        counter=counter,
        version=1,
        values={"enabled": False, "min_duration_seconds": 60},
        actor=None,
        now=timezone.now(),
        sends_waiting=True,
    )
    assert {reason for _state, reason, _version in outcome()} == {"not_configured"}

    redecision.run(seconds=60)

    assert outcome() == [(DeliveryState.WAITING, None, 2)] * MANY


def test_removal_ends_many_waits_in_the_background(calls: list[Call], counter: Counter) -> None:
    lifecycle.remove_counter(counter=counter, actor=None, now=timezone.now())
    assert {state for state, _reason, _version in outcome()} == {DeliveryState.WAITING}

    redecision.run(seconds=60)

    assert outcome() == [(DeliveryState.SKIPPED, "counter_removed", 1)] * MANY
    assert not Redecision.objects.exists()


def test_conversions_of_a_deleted_goal_return_in_the_background(
    cabinet: Cabinet, counter: Counter
) -> None:
    gone = factories.make_goal(counter=counter, identifier="old", deleted_at=timezone.now())
    Counter.objects.filter(pk=counter.pk).update(goal=gone, send_calls=False)
    refused = ledger.make_upload(
        counter=counter,
        channel=Channel.GOAL,
        state=UploadState.NEEDS_ATTENTION,
        attention=Attention.GOAL_GONE,
        uploading_id=None,
        rows=MANY,
    )
    for number in range(MANY):
        call = ledger.make_call(cabinet=cabinet)
        ledger.make_delivery(
            call=call,
            counter=counter,
            channel=Channel.GOAL,
            upload=refused,
            row_number=number + 1,
        )

    save(counter, goal=factories.make_goal(counter=counter, identifier="new"))
    refused.refresh_from_db()
    assert refused.state == UploadState.NEEDS_ATTENTION
    redecision.run(seconds=60)

    refused.refresh_from_db()
    assert refused.state == UploadState.CANCELLED
    rows = Delivery.objects.filter(channel=Channel.GOAL)
    assert set(rows.values_list("state", "settings_version")) == {(DeliveryState.WAITING, 2)}
    assert rows.count() == MANY
    assert not Redecision.objects.exists()


def stored_by_former_settings(counter: Counter) -> None:
    """What an intake leaves that read the settings before they were saved, and ended after it."""
    Redecision.objects.all().delete()
    Delivery.objects.filter(counter=counter).update(
        state=DeliveryState.WAITING, reason=None, compared=None, settings_version=1
    )


def test_few_calls_stored_by_former_settings_are_decided_before_a_file_is_built(
    calls: list[Call], counter: Counter
) -> None:
    Delivery.objects.exclude(channel=Channel.CALLS).delete()
    Delivery.objects.filter(call=calls[-1]).delete()
    save(counter, **LONG)
    stored_by_former_settings(counter)

    assert batching.build_uploads(now=timezone.now()) == 1

    assert [reason for _state, reason, _version in outcome()] == [
        None if number % 2 else "too_short" for number in range(MANY - 1)
    ]
    assert {version for _state, _reason, version in outcome()} == {2}


def test_many_calls_stored_by_former_settings_hold_the_counter(
    calls: list[Call], counter: Counter
) -> None:
    save(counter, **LONG)
    Delivery.objects.exclude(channel=Channel.CALLS).delete()
    stored_by_former_settings(counter)

    assert batching.build_uploads(now=timezone.now()) == 0

    assert Redecision.objects.exists()
    assert not Upload.objects.exists()
    redecision.run(seconds=60)
    assert batching.build_uploads(now=timezone.now()) == 1
    assert Upload.objects.get().rows == MANY // 2


def test_due_work_names_counters_that_wait_for_it(calls: list[Call], counter: Counter) -> None:
    now: datetime = timezone.now()
    save(counter, **LONG)

    (work,) = [one for one in due_work(timezone.now()) if one.kind == "apply changes"]

    assert now <= work.since <= timezone.now()
    assert "build" not in [one.kind for one in due_work(timezone.now())]


def test_statements_of_a_step_do_not_grow_with_the_rows(
    calls: list[Call], counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_call(calls[0], 3000)
    monkeypatch.setattr(redecision, "STEP", 1000)
    save(counter, **LONG)

    with CaptureQueriesContext(connection) as statements:
        redecision._step(counter.pk, now=timezone.now())
        redecision._step(counter.pk, now=timezone.now())

    assert progress_of([counter.pk])[counter.pk].total == MANY + 3000
    assert len(statements) == STATEMENTS
