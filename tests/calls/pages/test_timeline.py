from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from calls.models import Call, UploadAttempt
from calls.pages.timeline import Timeline, timelines_of
from calls.states import Channel, DeliveryState, UploadState
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

NOW = timezone.now()


def titles(journey: Timeline) -> list[str]:
    return [step.title for step in journey.steps]


def test_a_sent_call_is_followed_from_arrival_to_metrikas_answer(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet, started_at=NOW - timedelta(hours=5))
    upload = make_upload(
        counter=counter,
        state=UploadState.PROCESSED,
        body=b"ClientId,PhoneNumber\n1,+79160000001\n2,+79160000002\n",
        rows=2,
        line_quantity=2,
        created_at=NOW - timedelta(hours=3),
        settled_at=NOW - timedelta(hours=1),
    )
    for number, error in enumerate(["Unreachable", ""], start=1):
        started = NOW - timedelta(hours=3, minutes=-number)
        UploadAttempt.objects.create(
            upload=upload, number=number, started_at=started, ended_at=started, error_class=error
        )
    make_delivery(
        call=call,
        counter=counter,
        upload=upload,
        row_number=2,
        decided_at=NOW - timedelta(hours=4),
    )

    (journey,) = timelines_of(call, now=NOW)

    assert titles(journey) == [
        "Получен от CallKeeper",
        "Решено отправить",
        "Собран в выгрузку",
        "Отправка",
        "Отправка",
        "Метрика обработала файл",
        "Принят Метрикой",
    ]
    assert [step.text for step in journey.steps[2:6]] == [
        "Строка 2 из 2, ClientId.",
        "Метрика не ответила",
        "Метрика приняла файл",
        "Принято строк: 2 из 2.",
    ]
    assert journey.values == {"ClientId": "2", "PhoneNumber": "+79160000002"}
    assert (journey.state_text, journey.state_tone) == ("Принят Метрикой", "success")
    assert journey.changed_after_send is False


def test_every_rule_is_listed_with_its_verdict(counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=300)
    call = make_call(cabinet=counter.cabinet, duration_seconds=152)
    make_delivery(call=call, counter=counter, state=DeliveryState.SKIPPED, reason="too_short")

    (journey,) = timelines_of(call, now=NOW)

    assert titles(journey) == ["Получен от CallKeeper", "Решено не отправлять"]
    decision = journey.steps[1]
    assert decision.text == ""
    assert [rule.text for rule in decision.rules if not rule.ok] == [
        "Разговор длился 152 с, а в настройке «Длительность» — от 300 с."
    ]
    assert "Счетчик включён" in [rule.text for rule in decision.rules if rule.ok]


def test_a_decision_by_former_settings_is_called_so(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter, state=DeliveryState.SKIPPED, reason="too_short")

    (journey,) = timelines_of(call, now=NOW)

    assert journey.steps[1].text == (
        "Разговор короче, чем указано в настройке «Длительность». "
        "С тех пор звонок или настройки изменились: сейчас он прошёл бы все проверки."
    )
    assert all(rule.ok for rule in journey.steps[1].rules)


def test_a_counter_switched_off_since_is_not_told_to_have_been_off(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter)
    Counter.objects.filter(pk=counter.pk).update(enabled=False)

    (journey,) = timelines_of(call, now=NOW)

    decision = journey.steps[1]
    assert decision.text.endswith("Сейчас правила сказали бы так:")
    assert [rule.text for rule in decision.rules if not rule.ok] == ["Счетчик выключен."]


def test_a_removed_counter_keeps_its_journey(counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(removed_at=NOW)
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter, state=DeliveryState.SKIPPED, reason="counter_removed")

    (journey,) = timelines_of(call, now=NOW)

    assert journey.steps[1].text == "Счетчик удалён из кабинета до отправки звонка."
    assert journey.steps[1].rules == []


def test_a_change_after_the_call_was_gathered_is_told(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet)
    upload = make_upload(counter=counter)
    make_delivery(call=call, counter=counter, upload=upload)
    Call.objects.filter(pk=call.pk).update(revision=2, updated_at=NOW)
    call.refresh_from_db()

    (journey,) = timelines_of(call, now=NOW)

    assert journey.changed_after_send is True
    assert "CallKeeper изменил данные звонка" in titles(journey)


def test_a_change_before_that_is_no_alarm(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet, revision=2)
    make_delivery(call=call, counter=counter)

    (journey,) = timelines_of(call, now=timezone.now())

    assert journey.changed_after_send is False
    assert "CallKeeper уточнил данные звонка" in titles(journey)
    assert journey.steps[-1].title == "Ждёт отправки"


def test_queries_do_not_grow_with_counters(
    counter: Counter, django_assert_num_queries: Any
) -> None:
    call = make_call(cabinet=counter.cabinet)
    for _ in range(4):
        other = factories.make_counter(account=counter.account)
        upload = make_upload(counter=other, channel=Channel.GOAL)
        make_delivery(call=call, counter=other)
        make_delivery(call=call, counter=other, channel=Channel.GOAL, upload=upload)

    with django_assert_num_queries(6):
        journeys = timelines_of(call, now=NOW)

    assert len(journeys) == 8
