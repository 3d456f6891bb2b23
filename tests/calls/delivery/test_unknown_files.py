"""Calls that may be in a file which the database does not know wait for a person's decision."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.delivery import batching, manifest, sending, unknown_files
from calls.models import Call, Delivery, UnknownFile, Upload
from calls.queries.display_state import with_display_state
from calls.queries.stats import excluded_by_settings
from calls.queries.unknown_files import unknown_by_counter
from calls.states import DeliveryState, DisplayState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.restoring import find_unknown_files, lose_upload
from tests.calls.sandbox_world import build_and_send, rows_in_metrika
from tests.calls.stored import row_of, store_call
from tests.factories import make_account, make_cabinet, make_counter
from tests.responses import text_of


def run_all() -> None:
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)


def reason_of(call: Call) -> tuple[int, str | None]:
    row = row_of(call)
    return row.state, row.reason


def waiting_for_a_decision(cabinet: Cabinet, counter: Counter) -> tuple[UnknownFile, list[Call]]:
    """A file of two calls whose manifest is lost; a third call of that time never went."""
    calls = [store_call(cabinet=cabinet) for _ in range(2)]
    lost = build_and_send()
    lose_upload(lost)
    manifest.path_of(lost.marker).unlink()
    calls.append(store_call(cabinet=cabinet))
    (file,) = find_unknown_files(counter)
    # The calls of the tests began an hour ago.
    file.create_time = timezone.now() - timedelta(minutes=30)
    file.save()
    run_all()
    return file, calls


def test_the_calls_of_that_time_wait_and_later_ones_go(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    file, calls = waiting_for_a_decision(cabinet, linked_counter)
    late = store_call(cabinet=cabinet)  # its record comes only now
    newer = store_call(cabinet=cabinet, started_at=timezone.now() - timedelta(minutes=10))
    run_all()

    for call in [*calls, late]:
        assert reason_of(call) == (DeliveryState.SKIPPED, "maybe_sent")
    shown = with_display_state(Delivery.objects.filter(call_id=late.pk, channel=1), timezone.now())
    assert shown.get().display_state == DisplayState.NEEDS_DECISION
    assert len(rows_in_metrika(sandbox)) == 3
    assert row_of(newer).upload is not None
    told = unknown_by_counter([linked_counter.pk])[linked_counter.pk]
    assert (told.files, told.rows, told.calls, told.ids) == (1, 2, 4, (file.pk,))
    assert excluded_by_settings(linked_counter) == 0
    assert "ждут вашего решения: 4" in told.sentence


def test_sending_sends_exactly_these_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    file, calls = waiting_for_a_decision(cabinet, linked_counter)
    decided = unknown_files.decide_files(
        linked_counter, send=True, ids=[file.pk], actor=owner, now=timezone.now()
    )
    assert decided == 3
    for _ in range(2):
        run_all()

    upload = Upload.objects.get()
    assert {row_of(call).upload_id for call in calls} == {upload.pk}
    assert len(rows_in_metrika(sandbox)) == 2 + 3
    file.refresh_from_db()
    assert file.state == UnknownFile.State.RELEASED
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("unknown_files.released", owner)
    assert event.after == {"state": "released", "markers": [file.marker], "calls": 3}
    find_unknown_files(linked_counter)
    assert not unknown_by_counter([linked_counter.pk])


def test_keeping_settles_them_and_those_that_come_later(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    file, calls = waiting_for_a_decision(cabinet, linked_counter)
    unknown_files.decide_files(
        linked_counter, send=False, ids=[file.pk], actor=owner, now=timezone.now()
    )
    late = store_call(cabinet=cabinet)
    run_all()

    for call in [*calls, late]:
        assert reason_of(call) == (DeliveryState.SKIPPED, "kept_as_sent")
    assert len(rows_in_metrika(sandbox)) == 2
    assert Upload.objects.count() == 0
    assert excluded_by_settings(linked_counter) == 0


def test_a_call_that_a_rule_excludes_does_not_wait_for_the_decision(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    waiting_for_a_decision(cabinet, linked_counter)
    test_call = store_call(cabinet=cabinet, is_test=True)
    assert reason_of(test_call) == (DeliveryState.SKIPPED, "test_call")


def test_a_counter_that_is_off_holds_the_calls_for_the_decision_too(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    Counter.objects.update(enabled=True)
    calls = [store_call(cabinet=cabinet)]
    lost = build_and_send()
    lose_upload(lost)
    manifest.path_of(lost.marker).unlink()
    Counter.objects.update(enabled=False)
    (file,) = find_unknown_files(linked_counter)
    run_all()
    assert reason_of(calls[0]) == (DeliveryState.SKIPPED, "maybe_sent")

    unknown_files.decide_files(
        linked_counter, send=True, ids=[file.pk], actor=owner, now=timezone.now()
    )
    run_all()
    assert reason_of(calls[0]) == (DeliveryState.WAITING, None)
    assert len(rows_in_metrika(sandbox)) == 1


def test_a_built_upload_is_not_sent_while_its_calls_are_in_doubt(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    call = store_call(cabinet=cabinet)
    lost = build_and_send()
    lose_upload(lost)
    manifest.path_of(lost.marker).unlink()
    batching.build_uploads(now=timezone.now())
    built = Upload.objects.get()
    find_unknown_files(linked_counter)

    assert sending.send_due(seconds=30) == 0
    run_all()

    built.refresh_from_db()
    assert (built.state, built.attention) == ("cancelled", "sent_before")
    assert reason_of(call) == (DeliveryState.SKIPPED, "maybe_sent")
    assert len(rows_in_metrika(sandbox)) == 1


def test_the_page_tells_both_choices_and_decides(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    owner_client: Client,
    viewer_client: Client,
    stranger_client: Client,
) -> None:
    file, calls = waiting_for_a_decision(cabinet, linked_counter)
    url = reverse("calls:unknown-files", args=[linked_counter.pk])
    history = reverse("calls:history", args=[linked_counter.pk])
    assert url in owner_client.get(history).content.decode()
    assert url not in viewer_client.get(history).content.decode()
    assert viewer_client.post(url, {"choice": "send", "file": file.pk}).status_code == 403
    assert stranger_client.post(url, {"choice": "send", "file": file.pk}).status_code == 404
    page = text_of(owner_client.get(url))
    assert "файлов — 1, строк в них — 2" in page
    assert "ждут вашего решения: 3" in page
    assert AuditEvent.objects.count() == 0

    answer = owner_client.post(url, {"choice": "keep", "file": file.pk}, follow=True)
    assert "Звонков не отправим: 3." in text_of(answer)
    again = owner_client.post(url, {"choice": "send", "file": file.pk}, follow=True)
    assert "Ничего не изменилось: решение уже принято." in text_of(again)
    assert reason_of(calls[0]) == (DeliveryState.SKIPPED, "kept_as_sent")
    assert AuditEvent.objects.count() == 1
    assert "Решать нечего" in text_of(owner_client.get(url))


@pytest.mark.django_db(transaction=True)
def test_eight_presses_at_once_decide_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    file, _calls = waiting_for_a_decision(cabinet, linked_counter)
    start, results = threading.Barrier(8), []

    def press() -> None:
        try:
            start.wait(10)
            results.append(
                unknown_files.decide_files(
                    linked_counter, send=True, ids=[file.pk], actor=owner, now=timezone.now()
                )
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(results, key=str) == [3] + [None] * 7
    assert AuditEvent.objects.count() == 1


def test_calls_of_another_cabinet_with_the_same_number_wait_as_well(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    other = make_counter(
        account=make_account(cabinet=make_cabinet(name="Двери")), number=linked_counter.number
    )
    file, calls = waiting_for_a_decision(cabinet, linked_counter)
    theirs = store_call(cabinet=other.cabinet, started_at=calls[0].started_at)
    run_all()
    assert reason_of(theirs) == (DeliveryState.SKIPPED, "maybe_sent")

    unknown_files.decide_files(
        linked_counter, send=True, ids=[file.pk], actor=owner, now=timezone.now()
    )
    run_all()

    assert reason_of(theirs) == (DeliveryState.SKIPPED, "maybe_sent")
    assert {row_of(call).state for call in calls} == {DeliveryState.BATCHED}
