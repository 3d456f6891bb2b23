"""Metrika's logs say of each row that was sent which visit it was linked to."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone, translation

from calls.models import (
    Delivery,
    LinkProof,
    LogHit,
    LogRequest,
    LogSentRow,
    LogState,
    Resend,
    UnknownLogRow,
    Upload,
)
from calls.proof import beginnings, errors
from calls.queries.link_proofs import VALUES, link_condition, link_of
from calls.queries.link_waits import Hindrance
from calls.states import Channel, IdKind, LinkResult
from counters.models import Counter
from integrations.models import YandexAccount
from notices.conditions.calls import foreign_rows
from tests.calls.ledger import body_of, change_body
from tests.calls.proof.stand import (
    FINAL_NIGHT,
    NIGHT,
    NOON,
    LogsApi,
    call_at,
    hit_of,
    pageview,
    read_logs,
    send,
)
from tests.factories import make_goal

pytestmark = pytest.mark.django_db


def results() -> dict[tuple[int, int], tuple[str, str]]:
    rows = LinkProof.objects.values_list("upload_id", "row_number", "result", "visit_id")
    return {(upload, row): (LinkResult(result).name, visit) for upload, row, result, visit in rows}


def test_each_row_is_found_with_its_visit_or_without(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller
) -> None:
    calls = [call_at(proved, NOON - timedelta(minutes=n), hold_seconds=n or None) for n in range(4)]
    upload = send(proved, calls)
    changed = calls[0]
    logs.rows = [
        pageview(71, "2026-11-12 11:58:30"),
        hit_of(upload, 1, visit=71),
        pageview(71, "2026-11-12 11:57:10"),
        hit_of(upload, 2, visit=72),
        hit_of(upload, 3),
        pageview(0, "2026-11-12 00:00:00"),
        {"offlineUploadingID": 555, "visitID": 9, "dateTime": "2026-11-12 10:00:00"},
    ]
    changed.duration_seconds = 1
    changed.save(update_fields=["duration_seconds"])

    read_logs(clock)

    assert results() == {
        (upload.pk, 1): ("LINKED", "71"),
        (upload.pk, 2): ("LINKED", "72"),
        (upload.pk, 3): ("NO_VISIT", ""),
    }
    links = link_of(Delivery.objects.filter(upload=upload))
    texts = [links[one.pk].text for one in Delivery.objects.order_by("row_number")]
    assert texts == [
        "по логам Метрики этот звонок привязан к визиту 12.11, 11:57",
        "по логам Метрики этот звонок привязан к визиту № 72",
        "по логам Метрики у этого звонка визита пока нет, ищем до 16 ноября",
        "в логах Метрики ещё не видно, ищем до 16 ноября",
    ]
    with translation.override("en"):
        (link,) = link_of(Delivery.objects.filter(row_number=3)).values()
        assert link.text == (
            "by Metrika's logs this call has no visit so far, looked for until 16 November"
        )
    for value, rows in {
        "linked": {1, 2},
        "not_linked": {3},
        "not_yet": {4},
        "absent": set(),
    }.items():
        found = Delivery.objects.filter(link_condition(value))
        assert set(found.values_list("row_number", flat=True)) == rows, value
    assert set(VALUES) == {"linked", "not_linked", "not_yet", "absent", "unknown"}
    assert logs.left == []
    assert not UnknownLogRow.objects.exists()
    assert not LogHit.objects.exists()
    assert not LogSentRow.objects.exists()
    assert LogRequest.objects.get().result == {
        "sent": 4,
        "linked": 2,
        "no_visit": 1,
        "absent": 0,
        "not_yet": 1,
        "unknown": 0,
    }


def test_earlier_logs_that_are_compared_later_change_nothing(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller
) -> None:
    upload = send(proved, [call_at(proved, NOON)])
    logs.rows = [hit_of(upload, 1, visit=71)]
    read_logs(clock)
    LinkProof.objects.update(proved_at=NIGHT + timedelta(days=2), result=LinkResult.NO_VISIT)

    logs.rows = [hit_of(upload, 1, visit=72)]
    read_logs(clock, NIGHT + timedelta(days=1))

    assert LogRequest.objects.count() == 2
    assert results() == {(upload.pk, 1): ("NO_VISIT", "71")}


def test_what_was_not_sent_is_reported_once_and_equal_rows_are_matched_one_to_one(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller
) -> None:
    twins = [call_at(proved, NOON, client_id="1718031415926535897") for _ in range(2)]
    upload = send(proved, [*twins, call_at(proved, NOON - timedelta(hours=1))])
    copied = send(proved, [call_at(proved, NOON)], duplicate_ids=[1_999_999_999])
    linked = [hit_of(upload, n, visit=70 + n) for n in (1, 2, 3)]
    logs.rows = [
        *linked,
        hit_of(copied, 1),
        hit_of(copied, 1, offlineUploadingID=1_999_999_999),  # the file that Metrika has twice
        linked[2] | {"visitID": 0},
        linked[0] | {"offlineCallTalkDuration": 999, "clientID": 5},
    ]

    for night in (NIGHT, NIGHT + timedelta(days=1)):
        read_logs(clock, night)
        unknown = UnknownLogRow.objects.order_by("uploading_id", "kind")
        found = [(one.upload_id, one.kind, one.count, one.talk) for one in unknown]
        assert found == [
            (upload.pk, "doubled", 1, 152),
            (upload.pk, "foreign", 1, 999),
            (copied.pk, "doubled", 1, 152),
        ]
        notices = [one.facts["rows"] for one in foreign_rows(timezone.now())]
        assert notices == ([3] if night == NIGHT else [])
        unknown.update(seen_at=NIGHT)

    assert set(UnknownLogRow.objects.values_list("seen_at", flat=True)) == {NIGHT}
    assert [visit for _, (_, visit) in sorted(results().items())] == ["71", "72", "73", ""]
    linked.append(linked[2] | {"visitID": 0})
    logs.rows.append(linked[2] | {"visitID": 0})
    read_logs(clock, NIGHT + timedelta(days=2))
    again = UnknownLogRow.objects.get(upload=upload, kind="doubled")
    assert (again.count, again.seen_at) == (2, None)


def test_row_that_is_not_there_is_missed_only_after_three_days(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller
) -> None:
    dynamic = send(proved, [call_at(proved, NOON), call_at(proved, NOON - timedelta(days=6))])
    static = send(proved, [call_at(proved, NOON)], is_static=True)
    seen = send(proved, [call_at(proved, NOON)], id_kind=IdKind.YCLID)
    logs.rows = [hit_of(seen, 1)]

    for night in range(3):
        read_logs(clock, NIGHT + timedelta(days=night))
        assert results() == {(seen.pk, 1): ("NO_VISIT", "")}
    searched = set(LogRequest.objects.values_list("date1", "date2"))
    assert searched == {(NOON.date(), NOON.date())}

    logs.rows = []
    read_logs(clock, FINAL_NIGHT)

    # What was once found stays; a static call need not be in the logs.
    assert results() == {
        (dynamic.pk, 1): ("ABSENT", ""),
        (dynamic.pk, 2): ("ABSENT", ""),
        (seen.pk, 1): ("NO_VISIT", ""),
    }
    links = link_of(Delivery.objects.all())
    absent = Delivery.objects.get(upload=dynamic, row_number=2)
    of_static = Delivery.objects.get(upload=static)
    assert links[absent.pk].text == "в логах Метрики этого звонка нет"
    assert links[of_static.pk].text == "статический: к визиту Метрика его не привязывает"
    assert [one.pk for one in Delivery.objects.filter(link_condition("unknown"))] == [of_static.pk]
    before = LogRequest.objects.count()
    read_logs(clock, FINAL_NIGHT + timedelta(days=1))
    assert LogRequest.objects.count() == before


def test_sentence_of_a_row_that_is_not_proved_is_true_at_every_time(
    proved: Counter, clock: time_machine.Traveller
) -> None:
    upload = send(proved, [call_at(proved, NOON)])
    request = LogRequest.objects.create(
        counter=proved, date1=NOON, date2=NOON, requested_at=NIGHT, next_at=NIGHT, state="failed"
    )

    def told(days: float) -> tuple[str, str]:
        clock.move_to(NOON + timedelta(days=days))
        (link,) = link_of(Delivery.objects.all()).values()
        (value,) = [one for one in VALUES if Delivery.objects.filter(link_condition(one)).exists()]
        assert link.value == value
        return value, link.text

    # The whole day after three days is the time to read the final logs.
    seen_by = ("not_yet", "в логах Метрики ещё не видно, ищем до 16 ноября")
    assert [told(days) for days in (0, 3, 4.49)] == [seen_by] * 3
    assert told(4.51) == ("not_yet", "в логах Метрики ещё не видно, ищем до 19 ноября")
    never = "логи читаем не дольше 7 дней после отправки"
    assert told(7) == ("unknown", f"по логам Метрики не проверялся: {never}")
    LogRequest.objects.filter(pk=request.pk).update(error="gone")
    gone = "Метрика удалила логи раньше, чем мы их прочитали"
    assert told(4.49) == seen_by
    late = f"в логах Метрики ещё не видно: {gone}. Ищем до 19 ноября"
    assert told(6.99) == ("not_yet", late)
    assert told(7) == ("unknown", f"по логам Метрики проверить не удалось: {gone}")
    Upload.objects.filter(pk=upload.pk).update(taken_over_at=NOON)
    restored = "файл восстановлен по её списку, и его строк у нас нет"
    assert told(1) == ("unknown", f"по логам Метрики не проверяется: {restored}")
    ended_otherwise = {errors.SWITCHED_OFF, errors.NOT_CLEANED}
    assert set(Hindrance.values) == set(errors.SENTENCES) - ended_otherwise


def test_conversions_are_told_apart_by_their_goal(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller
) -> None:
    goals = [make_goal(counter=proved, goal_id=n, identifier=f"call{n}") for n in (31, 32)]
    call = call_at(proved, NOON)
    target = "\n".join(goal.identifier for goal in goals)
    upload = send(proved, [call], channel=Channel.GOAL, target="call31")
    Upload.objects.filter(pk=upload.pk).update(target=target)
    wrong = hit_of(upload, 1, visit=8, goalsID="[32]")
    logs.rows = [wrong, hit_of(upload, 1, visit=7, goalsID="[5,31]")]

    read_logs(clock)

    assert results() == {(upload.pk, 1): ("LINKED", "7")}
    assert UnknownLogRow.objects.get().kind == "foreign"


def test_ordered_repeat_is_a_known_row(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller
) -> None:
    call = call_at(proved, NOON)
    first, repeat = send(proved, [call]), send(proved, [call_at(proved, NOON)])
    Delivery.objects.filter(upload=repeat).delete()
    body = body_of(first.pk)
    change_body(repeat.pk, body)
    Resend.objects.create(
        call=call, counter=proved, channel=1, number=1, upload=repeat, ordered_at=NOON
    )
    hit = hit_of(first, 1, visit=7)
    logs.rows = [hit, hit | {"offlineUploadingID": repeat.uploading_id}]

    read_logs(clock)

    assert results() == {(first.pk, 1): ("LINKED", "7"), (repeat.pk, 1): ("LINKED", "7")}
    assert LinkProof.objects.get(upload=repeat).call_id == call.pk
    assert not UnknownLogRow.objects.exists()


def test_counter_whose_time_zone_was_changed_in_metrika_reports_no_false_rows(
    proved: Counter,
    logs: LogsApi,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(beginnings, "MOST_VISITS", 2)
    monkeypatch.setattr(beginnings, "BATCH", 2)
    # In Yekaterinburg the last one is of the next day, of which the logs are not read yet.
    starts = [NOON - timedelta(minutes=n) for n in range(4)] + [NOON + timedelta(hours=11)]
    upload = send(proved, [call_at(proved, at) for at in starts], accepted_at=NOON)
    there = ZoneInfo("Asia/Yekaterinburg")
    local = [{"dateTime": f"{at.astimezone(there):%Y-%m-%d %H:%M:%S}"} for at in starts]
    hits = [hit_of(upload, n, visit=70 + n, **local[n - 1]) for n in range(1, 6)]
    views = [pageview(70 + n, f"2026-11-12 13:5{n}:00") for n in range(1, 4)]
    logs.rows = [*views, *hits, hits[1] | {"offlineCallTalkDuration": 999}]

    read_logs(clock, FINAL_NIGHT)

    assert results() == {(upload.pk, n): ("LINKED", f"{70 + n}") for n in range(1, 5)}
    begun = LinkProof.objects.order_by("row_number").values_list("visit_at", flat=True)
    eight = datetime(2026, 11, 12, 8, 50, tzinfo=UTC)
    assert list(begun) == [*(eight + timedelta(minutes=n) for n in range(1, 4)), None]
    foreign = UnknownLogRow.objects.get()
    assert (foreign.kind, foreign.moment) == ("foreign", starts[1])
    assert LogRequest.objects.get().result["zone_shift"] == 7200

    # Its zone is renewed: the same rows again, and no new alarm.
    Counter.objects.filter(pk=proved.pk).update(time_zone=there.key)
    LinkProof.objects.all().delete()
    read_logs(clock, FINAL_NIGHT + timedelta(days=1))
    assert UnknownLogRow.objects.count() == 1
    assert {row for _upload, row in results()} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("minutes", "hits"),
    [
        # Two are too few; one row thrice is one; rows at every quarter fit two differences.
        ((0, 7), (1, 2)),
        ((0, 7), (1, 1, 1)),
        ((0, 15, 30, 45), (1, 2, 3)),
    ],
)
def test_zone_that_cannot_be_told_says_nothing_of_any_row(
    proved: Counter,
    logs: LogsApi,
    clock: time_machine.Traveller,
    minutes: Sequence[int],
    hits: Sequence[int],
) -> None:
    starts = [NOON - timedelta(minutes=one) for one in minutes]
    calls = [call_at(proved, at, client_id="17180000001") for at in starts]
    upload = send(proved, calls, accepted_at=NOON)
    there = ZoneInfo("Asia/Yekaterinburg")
    logs.rows = [
        hit_of(upload, n, visit=7) | {"dateTime": f"{starts[n - 1].astimezone(there):%F %T}"}
        for n in hits
    ]

    read_logs(clock, FINAL_NIGHT)

    assert (results(), UnknownLogRow.objects.count()) == ({}, 0)
    request = LogRequest.objects.get()
    assert (request.state, request.error) == (LogState.FAILED, "zone_unknown")
    assert "похоже на другой часовой пояс" in errors.sentence_of(request.error)
    assert logs.left == []
    # Its list of counters still says the same zone a day later: the hits are none of these rows.
    day = timedelta(days=1)
    YandexAccount.objects.update(counters_refreshed_at=FINAL_NIGHT + day / 2)
    read_logs(clock, FINAL_NIGHT + day)
    assert set(results().values()) == {("ABSENT", "")}
    assert sum(UnknownLogRow.objects.values_list("count", flat=True)) == len(hits)
    assert "zone_shift" not in LogRequest.objects.latest("pk").result


def test_beginnings_of_visits_take_16_bytes_each() -> None:
    tracemalloc.start()
    found = beginnings.Beginnings(iter(range(1, 100_001)))
    found.see(b"100000", b"2026-11-12 11:58:30")
    found.see(b"100000", b"2026-11-12T11:57:10")
    found.see(b"100001", b"2026-11-12 11:57:10")
    held, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(found) == 100_000
    assert held < 100_000 * 20
    assert found.of("100000") == datetime.fromisoformat("2026-11-12 11:57:10")
    assert found.of("99999") is found.of("100001") is None


def test_logs_that_match_nothing_are_no_alarm_and_no_missing_rows(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller
) -> None:
    calls = [call_at(proved, NOON - timedelta(minutes=n)) for n in range(20)]
    upload = send(proved, calls, accepted_at=NOON - timedelta(days=5))
    shifted = {"dateTime": "2026-11-12 01:02:03"}
    logs.rows = [hit_of(upload, n, visit=7) | shifted for n in range(1, 21)]

    read_logs(clock)

    assert (results(), UnknownLogRow.objects.count()) == ({}, 0)
    request = LogRequest.objects.get()
    assert (request.state, request.error) == (LogState.FAILED, "not_understood")
    assert logs.left == []
