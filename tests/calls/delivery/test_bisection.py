"""A refused file loses only the row it was refused for, within a bound of requests."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.delivery import batching, bisection, recovery, sending
from calls.models import Call, Delivery, Upload, UploadAttempt, UploadFile
from calls.queries.blockers import blocker_of
from calls.states import Attention, Channel, DeliveryState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests import factories
from tests.calls.ingest.test_store_races import concurrently
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import row_of, store_call
from tests.devtools.sandbox.actor import COUNTER, control

pytestmark = pytest.mark.contract("B10")
REFUSED = (DeliveryState.ROW_REFUSED, "refused_by_metrika")


def deliver(*, rounds: int = 200) -> None:
    """Let the clock tick until nothing moves any more."""
    for _ in range(rounds):
        now = timezone.now()
        moved = batching.build_uploads(now=now)
        moved += sending.send_due(seconds=60)
        # the minute between two looks at a row that was found
        Upload.objects.filter(state=UploadState.SPLITTING).update(not_before=now)
        moved += bisection.isolate_refused(now=timezone.now())
        if not moved:
            return
    raise AssertionError("delivery never comes to rest")


def sends() -> int:
    return UploadAttempt.objects.filter(kind=UploadAttempt.Kind.SEND).count()


def many_calls(cabinet: Cabinet, count: int) -> list[Call]:
    """Calls by one statement, as copies of a first one."""
    first = store_call(cabinet=cabinet, decided=False)
    columns = [str(field.column) for field in Call._meta.fields]
    changed = {
        "id": "k.id",
        "external_id": "k.external_id",
        "client_id": "k.external_id",
        "started_at": "c.started_at - n * interval '1 second'",
    }
    selected = ", ".join(changed.get(name, f"c.{name}") for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH k AS (
                INSERT INTO calls_callkey (cabinet_id, external_id, partition_at)
                SELECT c.cabinet_id, (100000 + n)::text, c.partition_at
                FROM calls_call c, generate_series(1, %s) n RETURNING *)
            INSERT INTO calls_call ({", ".join(columns)})
            SELECT {selected}
            FROM calls_call c JOIN k ON k.cabinet_id = c.cabinet_id,
                 LATERAL (SELECT k.external_id::int - 100000 AS n) AS numbered""",
            [count - 1],
        )
    calls = list(Call.objects.filter(cabinet=cabinet).order_by("started_at", "pk"))
    assert len(calls) == count
    assert first in calls
    decide([call.pk for call in calls], now=timezone.now())
    return calls


def poison(call: Call) -> None:
    Call.objects.filter(pk=call.pk).update(tags=["яд"])


def trackers(sandbox: RunningSandbox) -> list[int]:
    rows = rows_in_metrika(sandbox, limit=20_000)
    return sorted(int(row["CallTrackerURL"].rpartition("/")[2]) for row in rows)


@pytest.mark.parametrize("bad", [0, 4, 6])
def test_only_the_bad_row_is_refused_and_all_others_arrive_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, bad: int
) -> None:
    calls = many_calls(cabinet, 7)
    poison(calls[bad])
    fault(sandbox, "whole_file_400", marker="яд", times=None)

    deliver()

    assert trackers(sandbox) == sorted(call.pk for call in calls if call is not calls[bad])
    row = row_of(calls[bad])
    assert (row.state, row.reason) == REFUSED
    searching = UploadAttempt.objects.filter(
        kind=UploadAttempt.Kind.SEND, upload__parent__isnull=False
    )
    assert searching.count() <= 2 * math.ceil(math.log2(7))
    # and the first try, and what was free of suspicion, in a regular file after each halving
    assert sends() - searching.count() <= 1 + math.ceil(math.log2(7))


def test_ten_thousand_rows_cost_no_more_than_twenty_seven_requests(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    calls = many_calls(cabinet, 10_000)
    poison(calls[9_998])
    fault(sandbox, "whole_file_400", marker="яд", times=None)

    deliver()

    assert len(rows_in_metrika(sandbox, limit=20_000)) == 9_999
    assert control(sandbox, "ledger")["ledger"][0]["repeated_tracker_urls"] == 0
    assert Delivery.objects.filter(state=DeliveryState.ROW_REFUSED).count() == 1
    assert sends() - 1 <= 27


def test_two_bad_rows_are_both_found(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    calls = many_calls(cabinet, 16)
    poison(calls[2])
    poison(calls[13])
    fault(sandbox, "whole_file_400", marker="яд", times=None)

    deliver()

    refused = Delivery.objects.filter(state=DeliveryState.ROW_REFUSED)
    assert {row.call_id for row in refused} == {calls[2].pk, calls[13].pk}
    assert len(trackers(sandbox)) == len(set(trackers(sandbox))) == 14
    assert sends() - 1 <= 2 * 2 * math.ceil(math.log2(16))


def test_a_file_of_one_row_is_blamed_once_another_file_is_taken(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    call = store_call(cabinet=cabinet, tags=["яд"])
    fault(sandbox, "whole_file_400", marker="яд", times=None)
    deliver()
    upload = Upload.objects.get()
    assert (upload.state, row_of(call).state) == (UploadState.SPLITTING, DeliveryState.BATCHED)

    store_call(cabinet=cabinet)
    deliver()

    row = row_of(call)
    upload.refresh_from_db()
    assert (row.state, row.reason, row.upload_id) == (*REFUSED, upload.pk)
    assert (upload.state, upload.attention) == (UploadState.CANCELLED, Attention.ROW_REFUSED)
    # it was tried again after the other one was taken: the counter itself could have been refused
    assert sends() == 3


def test_a_file_that_was_taken_before_the_refusal_blames_nobody(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    deliver()
    fault(sandbox, "whole_file_400", marker="", times=None)
    call = store_call(cabinet=cabinet)

    deliver()
    assert row_of(call).state == DeliveryState.BATCHED
    upload = Upload.objects.get(state=UploadState.SPLITTING)
    Upload.objects.filter(pk=upload.pk).update(sent_at=timezone.now() - timedelta(days=1))
    Upload.objects.exclude(pk=upload.pk).update(accepted_at=timezone.now() - timedelta(days=2))
    deliver()

    upload.refresh_from_db()
    assert (upload.state, upload.attention) == ("needs_attention", Attention.QUARANTINED)
    assert row_of(call).state == DeliveryState.BATCHED


def test_a_counter_all_of_whose_files_are_refused_rests_until_tomorrow_and_no_call_is_blamed(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bisection, "MAX_REFUSALS_PER_DAY", 4)
    fault(sandbox, "whole_file_400", marker="", times=None)

    for _ in range(6):
        store_call(cabinet=cabinet)
        deliver()

    assert sends() == 4
    assert not Delivery.objects.filter(state=DeliveryState.ROW_REFUSED).exists()
    states = Upload.objects.values_list("state", flat=True)
    assert sorted(states) == ["needs_attention"] * 4 + ["ready"] * 2
    assert "отклоняет файлы" in blocker_of(linked_counter, now=timezone.now())


def test_a_refused_file_keeps_its_bytes_and_its_parts_are_cut_from_them(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    tag = 'две\nстроки, "кавычки"'
    calls = [store_call(cabinet=cabinet, tags=[tag, f"№{n}"]) for n in range(4)]
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.get()
    frozen = bytes(UploadFile.objects.get().body)
    # What the calls became since is not what was decided to be sent.
    Call.objects.update(tags=["другой"])
    fault(sandbox, "whole_file_400")
    sending.send_due(seconds=30)

    assert bisection.isolate(upload.pk, now=timezone.now()) is True

    part = Upload.objects.get(parent=upload)
    body = bytes(UploadFile.objects.get(upload=part).body)
    assert bytes(UploadFile.objects.get(upload=upload).body) == frozen
    assert frozen.startswith(body)
    assert part.rows == 2
    assert part.marker != upload.marker
    order = sorted(calls, key=lambda call: (call.started_at, call.pk))
    moved = [row_of(call) for call in order[:2]]
    assert [(row.upload_id, row.row_number) for row in moved] == [(part.pk, 1), (part.pk, 2)]


def test_the_search_waits_while_a_part_is_on_its_way(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    many_calls(cabinet, 4)
    fault(sandbox, "whole_file_400")
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    upload = Upload.objects.get()
    bisection.isolate(upload.pk, now=timezone.now())
    fault(sandbox, "reset_after_taken")
    sending.send_due(seconds=30)

    assert bisection.isolate(upload.pk, now=timezone.now()) is False

    assert Upload.objects.get(parent=upload).state == UploadState.UNCLEAR
    assert Upload.objects.count() == 2


def test_after_forty_parts_a_day_the_rest_waits_for_a_person(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, monkeypatch: Any
) -> None:
    assert bisection.MAX_REFUSALS_PER_DAY == 40
    monkeypatch.setattr(bisection, "MAX_REFUSALS_PER_DAY", 3)
    calls = many_calls(cabinet, 16)
    poison(calls[0])
    fault(sandbox, "whole_file_400", marker="яд", times=None)

    deliver()

    left = Upload.objects.get(state=UploadState.NEEDS_ATTENTION)
    assert (left.attention, left.rows, left.attempts) == (Attention.QUARANTINED, 4, 0)
    assert len(trackers(sandbox)) == 12
    monkeypatch.setattr(bisection, "MAX_REFUSALS_PER_DAY", 40)
    assert recovery.retry_uploads([left.pk], actor=None, now=timezone.now()) == 1
    deliver()
    assert trackers(sandbox) == sorted(call.pk for call in calls[1:])


def test_a_row_that_fails_our_own_check_is_found_without_a_request(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    calls = [store_call(cabinet=cabinet) for _ in range(3)]
    batching.build_uploads(now=timezone.now())
    upload, file = Upload.objects.get(), UploadFile.objects.get()
    spoilt = bytes(file.body).replace(calls[1].client_id.encode(), b"x-1")
    set_bytes(upload, spoilt)
    fault(sandbox, "whole_file_400")

    deliver()

    row = row_of(calls[1])
    assert (row.state, row.reason) == (DeliveryState.ROW_REFUSED, "refused_by_check")
    assert trackers(sandbox) == sorted([calls[0].pk, calls[2].pk])
    assert sends() == 2


def set_bytes(upload: Upload, body: bytes) -> None:
    """A file as an older release may have written it."""
    UploadFile.objects.filter(upload=upload).update(body=body)
    Upload.objects.filter(pk=upload.pk).update(sha256=hashlib.sha256(body).hexdigest())


@pytest.mark.contract("B9")
def test_a_partly_accepted_file_is_never_split_or_sent_again(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    many_calls(cabinet, 4)
    fault(sandbox, "rows_refused", n=1)

    deliver()

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == (UploadState.SENT, Attention.ROW_REFUSED)
    assert (upload.source_quantity, upload.line_quantity, sends()) == (4, 3, 1)
    assert recovery.retry_uploads([upload.pk], actor=None, now=timezone.now()) == 0


def test_a_removed_counter_ends_the_search(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    many_calls(cabinet, 4)
    fault(sandbox, "whole_file_400", times=None)
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    bisection.isolate_refused(now=timezone.now())

    linked_counter.removed_at = timezone.now()
    linked_counter.save(update_fields=["removed_at"])
    recovery.apply_counter_change(linked_counter, now=timezone.now())

    ends = Upload.objects.values_list("state", "attention")
    assert set(ends) == {(UploadState.CANCELLED, Attention.COUNTER_REMOVED)}
    assert bisection.isolate_refused(now=timezone.now()) == 0
    assert rows_in_metrika(sandbox) == []


def goal_counter(counter: Counter, sandbox: RunningSandbox, identifier: str = "zvonok") -> Counter:
    goal = control(sandbox, "goals", counter=COUNTER, name="Звонок", identifier=identifier)["goal"]
    chosen = factories.make_goal(
        counter=counter, identifier=identifier, goal_id=goal["id"], name="Звонок"
    )
    counter.goal, counter.send_calls = chosen, False
    counter.save(update_fields=["goal", "send_calls"])
    return counter


def test_goal_deleted_before_the_send_waits_for_another_goal_and_goes_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, metrika: Any
) -> None:
    counter = goal_counter(linked_counter, sandbox)
    calls = [store_call(cabinet=cabinet) for _ in range(3)]
    batching.build_uploads(now=timezone.now())
    late = store_call(cabinet=cabinet)
    assert counter.goal is not None
    gone = f"/management/v1/counter/{COUNTER}/goal/{counter.goal.goal_id}"
    assert metrika.call("DELETE", gone).status_code == 200

    sending.send_due(seconds=30)
    bisection.isolate_refused(now=timezone.now())
    batching.build_uploads(now=timezone.now())

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == ("needs_attention", Attention.GOAL_GONE)
    assert row_of(late, Channel.GOAL).state == DeliveryState.WAITING
    assert rows_in_metrika(sandbox, "goal") == []

    other = goal_counter(Counter.objects.get(pk=counter.pk), sandbox, "drugaya")
    recovery.apply_counter_change(other, now=timezone.now())
    deliver()
    deliver()

    rows = rows_in_metrika(sandbox, "goal")
    expected = sorted((call.client_id, "drugaya") for call in [*calls, late])
    assert sorted((row["ClientId"], row["Target"]) for row in rows) == expected


def test_a_goal_file_waits_while_metrika_cannot_say_whether_the_goal_is_there(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    goal_counter(linked_counter, sandbox)
    store_call(cabinet=cabinet)
    fault(sandbox, "whole_file_400")
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    fault(sandbox, "html_5xx", times=None, match={"path_contains": "/goals"})
    now: datetime = timezone.now()

    assert bisection.isolate_refused(now=now) == 0
    upload = Upload.objects.get()
    assert (upload.state, upload.not_before) == ("splitting", now + timedelta(minutes=1))


def refused(counter: Counter, **fields: Any) -> Upload:
    """A file that Metrika refused as a whole just now."""
    upload = make_upload(
        counter=counter,
        state=UploadState.SPLITTING,
        attention=Attention.SPLIT,
        uploading_id=None,
        **fields,
    )
    UploadAttempt.objects.create(
        upload=upload,
        number=1,
        started_at=upload.sent_at or timezone.now(),
        error_type="invalid_uploading",
    )
    return upload


def test_a_search_that_breaks_does_not_stop_the_others(cabinet: Cabinet, counter: Counter) -> None:
    now: datetime = timezone.now()
    broken = refused(counter, rows=2)
    UploadFile.objects.get(pk=broken.pk).delete()
    sound = refused(counter)
    make_delivery(call=make_call(cabinet=cabinet), counter=counter, upload=sound)
    make_upload(counter=counter, accepted_at=now + timedelta(seconds=1))

    assert bisection.isolate_refused(now=now + timedelta(seconds=2)) == 1

    sound.refresh_from_db()
    # another file was taken since: it is tried once more before it is blamed
    assert (sound.state, sound.attention) == (UploadState.LATER, "")
    broken.refresh_from_db()
    assert broken.state == UploadState.SPLITTING


def test_a_search_that_breaks_comes_back_after_the_others(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now: datetime = timezone.now()
    broken, sound = refused(counter, not_before=now), refused(counter, not_before=now)
    tried: list[int] = []

    def isolate(upload_id: int, *, now: datetime) -> bool:
        tried.append(upload_id)
        if upload_id == broken.pk:
            raise RuntimeError
        return False

    monkeypatch.setattr(bisection, "isolate", isolate)
    for seconds in (0, 5, 60):
        bisection.isolate_refused(now=now + timedelta(seconds=seconds))

    assert tried == [broken.pk, sound.pk, sound.pk, sound.pk, broken.pk]


@pytest.mark.contract("B18")
@pytest.mark.django_db(transaction=True)
def test_two_searchers_at_once_take_one_step(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    many_calls(cabinet, 8)
    fault(sandbox, "whole_file_400")
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    upload = Upload.objects.get()

    moved = concurrently([lambda: bisection.isolate(upload.pk, now=timezone.now())] * 4)

    assert sorted(moved) == [False, False, False, True]
    assert [part.rows for part in Upload.objects.filter(parent=upload)] == [4]
    assert Delivery.objects.filter(upload=upload).count() == 4


def test_a_file_that_was_taken_while_the_refused_one_lay_ready_is_no_witness(
    cabinet: Cabinet, counter: Counter
) -> None:
    now: datetime = timezone.now()
    lay_ready = refused(counter, created_at=now - timedelta(hours=2), sent_at=now)
    make_delivery(call=make_call(cabinet=cabinet), counter=counter, upload=lay_ready)
    make_upload(counter=counter, accepted_at=now - timedelta(hours=1))

    assert bisection.isolate_refused(now=now + timedelta(seconds=1)) == 0

    lay_ready.refresh_from_db()
    assert (lay_ready.state, lay_ready.attention) == (UploadState.SPLITTING, Attention.SPLIT)
