"""Timelines of a call: the steps, the rules of the decision, the values as sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from calls.models import Call, Upload, UploadAttempt
from calls.pages.timeline import Timeline, timelines_of
from calls.states import Channel, DeliveryState, UploadState
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

NOW = timezone.now()


def titles(timeline: Timeline) -> list[str]:
    return [step.title for step in timeline.steps]


def make_processed_upload(counter: Counter) -> Upload:
    """Create an upload of two rows that was accepted at the second attempt."""
    upload = make_upload(
        counter=counter,
        state=UploadState.PROCESSED,
        body=b"ClientId,PhoneNumber\n1,+79160000001\n2,+79160000002\n",
        rows=2,
        line_quantity=2,
        linked_quantity=2,
        user_not_found_quantity=0,
        created_at=NOW - timedelta(hours=3),
        settled_at=NOW - timedelta(hours=1),
    )
    for number, error in enumerate(["Unreachable", ""], start=1):
        started = NOW - timedelta(hours=3, minutes=-number)
        UploadAttempt.objects.create(
            upload=upload, number=number, started_at=started, ended_at=started, error_class=error
        )
    return upload


def test_sent_call_has_steps_from_its_arrival_to_metrikas_answer(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet, started_at=NOW - timedelta(hours=5))
    upload = make_processed_upload(counter)
    decided_at = NOW - timedelta(hours=4)
    make_delivery(call=call, counter=counter, upload=upload, row_number=2, decided_at=decided_at)

    (timeline,) = timelines_of(call, now=NOW)

    assert titles(timeline) == [
        "Звонок получен",
        "Решено отправить",
        "Собран в выгрузку",
        "Отправка",
        "Отправка",
        "Принят, привязан",
    ]
    assert [step.text for step in timeline.steps[2:6]] == [
        "Строка 2 из 2, ClientId.",
        "Метрика не ответила",
        "Метрика приняла файл",
        "Принято строк: 2 из 2. В файле к визитам привязано 2 из 2.",
    ]
    assert timeline.values == {"ClientId": "2", "PhoneNumber": "+79160000002"}
    assert (timeline.state_text, timeline.state_tone) == ("Принят, привязан", "success")
    assert timeline.changed_after_send is False


def test_every_rule_is_listed_with_its_verdict(counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=300)
    call = make_call(cabinet=counter.cabinet, duration_seconds=152)
    make_delivery(call=call, counter=counter, state=DeliveryState.SKIPPED, reason="too_short")

    (timeline,) = timelines_of(call, now=NOW)

    assert titles(timeline) == ["Звонок получен", "Решено не отправлять"]
    decision = timeline.steps[1]
    assert decision.text == ""
    assert [rule.text for rule in decision.rules if not rule.ok] == [
        "Разговор длился 152 с, а в настройке «Длительность» — от 300 с."
    ]
    assert "Счетчик включён" in [rule.text for rule in decision.rules if rule.ok]


def test_decision_by_former_settings_has_a_note(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter, state=DeliveryState.SKIPPED, reason="too_short")

    (timeline,) = timelines_of(call, now=NOW)

    assert timeline.steps[1].text == (
        "Разговор короче, чем указано в настройке «Длительность». "
        "С тех пор звонок или настройки изменились: сейчас он прошёл бы все проверки."
    )
    assert all(rule.ok for rule in timeline.steps[1].rules)


def test_counter_switched_off_since_is_described_in_the_present(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter)
    Counter.objects.filter(pk=counter.pk).update(enabled=False)

    (timeline,) = timelines_of(call, now=NOW)

    decision = timeline.steps[1]
    assert decision.text.endswith("Сейчас правила сказали бы так:")
    assert [rule.text for rule in decision.rules if not rule.ok] == ["Счетчик выключен."]


def test_removed_counter_keeps_its_timeline(counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(removed_at=NOW)
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter, state=DeliveryState.SKIPPED, reason="counter_removed")

    (timeline,) = timelines_of(call, now=NOW)

    assert timeline.steps[1].text == "Счетчик удалён из кабинета до отправки звонка."
    assert timeline.steps[1].rules == []


def test_change_after_batching_is_marked(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet)
    upload = make_upload(counter=counter)
    make_delivery(call=call, counter=counter, upload=upload)
    Call.objects.filter(pk=call.pk).update(revision=2, updated_at=NOW)
    call.refresh_from_db()

    (timeline,) = timelines_of(call, now=NOW)

    assert timeline.changed_after_send is True
    assert "CallKeeper изменил данные звонка" in titles(timeline)


def test_change_before_batching_is_not_marked(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet, revision=2)
    make_delivery(call=call, counter=counter)

    (timeline,) = timelines_of(call, now=timezone.now())

    assert timeline.changed_after_send is False
    assert "CallKeeper уточнил данные звонка" in titles(timeline)
    assert timeline.steps[-1].title == "Ждёт отправки"


def test_number_of_queries_does_not_grow_with_counters(
    counter: Counter, django_assert_num_queries: Any
) -> None:
    call = make_call(cabinet=counter.cabinet)
    for _ in range(4):
        other = factories.make_counter(account=counter.account)
        upload = make_upload(counter=other, channel=Channel.GOAL)
        make_delivery(call=call, counter=other)
        make_delivery(call=call, counter=other, channel=Channel.GOAL, upload=upload)

    # Not at NOW, which is older than these rows by then: they would be held.
    now = timezone.now()

    with django_assert_num_queries(15):
        timelines = timelines_of(call, now=now)

    assert len(timelines) == 8
