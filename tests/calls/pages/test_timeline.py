"""Timelines of a call: the steps, the rules of the decision, the values as sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import time_machine
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.formats import date_format

from cabinets import audit
from cabinets.models import CallSource
from calls.models import (
    Backfill,
    BackfillCounter,
    BulkAction,
    BulkKind,
    Call,
    Intake,
    LinkProof,
    SendOrder,
    Upload,
    UploadAttempt,
    Way,
)
from calls.pages.timeline import Timeline, timelines_of
from calls.pages.timeline_events import events_of
from calls.states import Channel, DeliveryState, LinkResult, UploadState
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
    row = make_delivery(
        call=call, counter=counter, upload=upload, row_number=2, decided_at=decided_at
    )
    LinkProof.objects.create(
        upload=upload,
        row_number=2,
        call=call,
        partition_at=call.partition_at,
        cabinet=row.cabinet,
        counter=counter,
        channel=row.channel,
        result=LinkResult.NO_VISIT,
        proved_at=NOW,
    )

    (timeline,) = timelines_of(call, now=NOW)

    assert titles(timeline) == [
        "Звонок получен",
        "Решено отправить",
        "Собран в выгрузку",
        "Отправка: Метрика не ответила",
        "Отправка, попытка 2: Метрика приняла файл",
        "Итог всего файла: Принят, привязан",
        "Привязка проверена",
    ]
    assert timeline.steps[-1].text == "По логам Метрики у этого звонка визита нет."
    assert [step.text for step in timeline.steps[2:6]] == [
        "Строка 2 из 2 в файле, посетитель назван по ClientId.",
        "",
        "",
        "В нём привязано 2 из 2.",
    ]
    assert timeline.values == {"ClientId": "2", "PhoneNumber": "+79160000002"}
    # The state is that of the file; the row's own result stands beside it.
    shown = (timeline.state_text, timeline.state_tone, timeline.result_text)
    assert shown == ("Принят, привязан", "success", timeline.steps[-1].text)
    assert timeline.reason_text == "Состояние — всего файла. В нём привязано 2 из 2."
    assert timeline.changed_text == ""


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
    passed = {rule.text: rule.looked_at for rule in decision.rules if rule.ok}
    assert passed["Счетчик включён"] == ""
    assert passed["Посетитель известен или звонок идёт непривязанным"] == (
        f"ClientID {call.client_id}"
    )
    (masked,) = timelines_of(call, now=NOW, is_whole=False)
    assert call.client_id not in str([rule.looked_at for rule in masked.steps[1].rules])
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=100)
    (later,) = timelines_of(call, now=NOW)
    seen = {rule.text: rule.looked_at for rule in later.steps[1].rules}
    assert seen["Разговор достаточно длинный"] == "152 с, в настройке — от 100 с"


def test_what_people_ordered_and_the_way_of_the_call_are_in_its_timeline(
    counter: Counter, source: CallSource, owner: User
) -> None:
    started = NOW - timedelta(days=3)
    received = started + timedelta(hours=1)
    call = make_call(
        cabinet=counter.cabinet, started_at=started, received_at=received, source=source
    )
    counts = {"received": 1, "created": 1, "updated": 0, "duplicate": 0, "rejected": 0}
    Intake.objects.create(source=source, way=Way.WEBHOOK, at=received, **counts)
    called_off = received + timedelta(hours=5)
    row = make_delivery(
        call=call,
        counter=counter,
        state=DeliveryState.SKIPPED,
        reason="called_off",
        decided_at=called_off,
    )
    order = {"counter": counter, "call": call}
    SendOrder.objects.create(**order, ordered_by=owner, ordered_at=received + timedelta(hours=2))
    bulk = {"cabinet": counter.cabinet, "counter": counter, "requested_by": owner, "total": 1}
    BulkAction.objects.create(
        **bulk,
        kind=BulkKind.CALL_OFF,
        token=uuid4(),
        state="done",
        requested_at=called_off,
        finished_at=called_off,
        last_call=call.pk,
    )
    past = Backfill.objects.create(
        cabinet=counter.cabinet,
        requested_by=owner,
        requested_at=received + timedelta(hours=1),
        since=NOW - timedelta(days=10),
        until=NOW,
        state="done",
        started_at=received + timedelta(hours=3),
    )
    BackfillCounter.objects.create(backfill=past, counter=counter, is_over=True)
    with time_machine.travel(received + timedelta(hours=4), tick=False):
        audit.log_change(
            cabinet=counter.cabinet, actor=owner, action="delivery.released", subject=row
        )
        other = make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)
        audit.log_change(
            cabinet=counter.cabinet, actor=owner, action="delivery.released", subject=other
        )

    call = Call.objects.select_related("source").get(pk=call.pk)
    (timeline,) = timelines_of(call, now=NOW)

    assert titles(timeline) == [
        "Звонок получен",
        "Заказана отправка в этот счетчик",
        "Начата отправка прошлых звонков",
        "Отпущен: уйдёт, не дожидаясь срока",
        "Решено не отправлять",
    ]
    assert timeline.steps[0].text == "Вебхук, источник «CallKeeper»."
    assert timeline.steps[4].text == ("Отправку отменил человек. owner, вместе с другими звонками.")
    assert [step.at for step in timeline.steps] == [
        received + timedelta(hours=hours) for hours in (0, 2, 3, 4, 5)
    ]


def test_what_comes_next_has_its_time_and_what_has_no_time_invents_none(
    counter: Counter,
) -> None:
    call = make_call(cabinet=counter.cabinet, started_at=NOW - timedelta(days=1))
    taken: dict[str, Any] = {"accepted_at": NOW, "next_poll_at": NOW + timedelta(minutes=10)}
    make_delivery(call=call, counter=counter, upload=make_upload(counter=counter, **taken))
    goal = factories.make_goal(counter=counter)
    Counter.objects.filter(pk=counter.pk).update(goal=goal)
    lost = make_upload(
        counter=counter,
        channel=Channel.GOAL,
        state=UploadState.NEEDS_ATTENTION,
        attention="rejected",
        uploading_id=None,
    )
    make_delivery(call=call, counter=counter, channel=Channel.GOAL, upload=lost)

    waits, failed = timelines_of(call, now=NOW)
    late, _failed = timelines_of(call, now=NOW + timedelta(hours=3))
    events = events_of([waits, failed])

    moment = date_format(timezone.localtime(NOW + timedelta(hours=2)), "j E, H:i")
    expected = waits.steps[-1]
    assert (expected.title, expected.is_next) == ("Метрика обработает файл", True)
    assert expected.text.startswith(f"До {moment}; иногда это занимает до суток.")
    assert late.steps[-1].text.startswith("Обычно это занимает до двух часов, но может и сутки")
    assert (failed.steps[-1].title, failed.steps[-1].at) == ("Требует внимания", None)
    # One list: what both have in common is told once, what comes is the end.
    told = [event.step.title for event in events]
    assert (told[0], told.count("Звонок получен"), told.count("Решено отправить")) == (
        "Звонок получен",
        1,
        1,
    )
    assert told[-2:] == ["Требует внимания", "Метрика обработает файл"]


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
    row = "1,1767607384,+79161234567,65,да"
    body = f"ClientId,DateTime,PhoneNumber,TalkDuration,Tag\n{row}\n".encode()
    upload = make_upload(counter=counter, body=body)
    make_delivery(call=call, counter=counter, upload=upload)
    started_at = datetime.fromtimestamp(1767607384, UTC)
    Call.objects.filter(pk=call.pk).update(
        revision=3,
        updated_at=NOW,
        client_id="1",
        started_at=started_at,
        phone="+79161239999",
        duration_seconds=80,
        tags=["да"],
    )
    call.refresh_from_db()
    make_delivery(call=call, counter=factories.make_counter(account=counter.account, name="Я"))

    timeline, waits = timelines_of(call, now=NOW)
    masked, _waits = timelines_of(call, now=NOW, is_whole=False)
    changes = [one.step for one in events_of([waits, timeline]) if one.step.is_revision]

    assert timeline.changed_text == (
        "Телефон клиента: было +79161234567, стало +79161239999; Разговор, с: было 65, стало 80."
    )
    assert masked.changed_text.endswith("Разговор, с: было 65, стало 80.")
    assert "916123" not in masked.changed_text
    assert [step.title for step in changes] == ["CallKeeper изменил данные звонка"]
    assert changes[0].text == (
        "Звонок уже был в выгрузке: в Метрику ушли прежние значения. "
        "Раньше данные менялись ещё, раз: 1; время этих изменений не записано."
    )


def test_change_before_batching_is_not_marked(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet, revision=2)
    make_delivery(call=call, counter=counter)

    (timeline,) = timelines_of(call, now=timezone.now())

    assert timeline.changed_text == ""
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

    with django_assert_num_queries(17):
        timelines = timelines_of(call, now=now)

    assert len(timelines) == 8
