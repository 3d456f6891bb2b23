"""What every list of Metrika shows is recorded, whatever it was read for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.delivery import moves
from calls.delivery.listings import examine
from calls.delivery.unknown_files import decide_files
from calls.models import UnknownFile, Upload, UploadAttempt
from calls.states import Attention, UploadState
from counters.models import Counter
from integrations.yandex.records import Uploading
from tests import factories
from tests.calls.delivery.test_transitions import upload_in
from tests.calls.ledger import make_upload

pytestmark = pytest.mark.contract("B28")

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
UNKNOWN = f"ck{'f' * 32}"


def listed(marker: str, number: int = 70, **fields: Any) -> Uploading:
    values: dict[str, Any] = {
        "status": "PROCESSED",
        "source_quantity": 3,
        "line_quantity": 3,
        "create_time": NOW - timedelta(hours=1),
    }
    return Uploading(uploading_id=number, comment=marker, **values | fields)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]


@pytest.mark.contract("B8")
@pytest.mark.parametrize("state", UploadState)
def test_a_file_that_stands_twice_is_a_duplicate_in_every_state(
    counter: Counter, state: UploadState, caplog: pytest.LogCaptureFixture
) -> None:
    upload = upload_in(counter, state)
    twice = [listed(upload.marker, 71), listed("another tool", 5), listed(upload.marker, 70)]

    for _ in range(2):
        examine(counter, 1, twice, NOW)

    upload.refresh_from_db()
    assert (upload.state, upload.attention) == ("needs_attention", Attention.DUPLICATE)
    assert upload.duplicate_ids == [70, 71]
    assert (upload.next_poll_at, upload.lease_until) == (None, None)
    told = [one for one in errors(caplog) if "stands" in one]
    assert told == [f"upload {upload.marker} stands in Metrika 2 times: [70, 71]"]
    attempt = UploadAttempt.objects.get()
    assert (attempt.kind, attempt.error_class) == ("lookup", "StandsTwice")


def test_a_duplicate_keeps_the_counts_that_were_recorded(counter: Counter) -> None:
    counts: dict[str, Any] = {"source_quantity": 18, "line_quantity": 17, "linked_quantity": 12}
    upload = make_upload(
        counter=counter, state="processed", uploading_id=71, metrika_status="PROCESSED", **counts
    )

    examine(counter, 1, [listed(upload.marker, 70), listed(upload.marker, 71)], NOW)

    stored = Upload.objects.values(*counts, "uploading_id", "metrika_status").get()
    assert stored == counts | {"uploading_id": 71, "metrika_status": "PROCESSED"}


def test_a_third_copy_of_a_duplicate_is_recorded(counter: Counter) -> None:
    upload = make_upload(counter=counter)
    copies = [listed(upload.marker, number) for number in (70, 71, 72)]

    examine(counter, 1, copies[:2], NOW)
    examine(counter, 1, copies, NOW)

    assert Upload.objects.get().duplicate_ids == [70, 71, 72]


@pytest.mark.parametrize("state", ["ready", "later"])
def test_an_upload_to_be_sent_that_stands_in_a_list_is_taken(counter: Counter, state: str) -> None:
    attempts = int(state == "later")
    values: dict[str, Any] = {
        "uploading_id": None,
        "sent_at": None,
        "attempts": attempts,
        "rows": 3,
    }
    upload = make_upload(counter=counter, state=state, **values)

    found = examine(counter, 1, [listed(upload.marker)], NOW)

    upload.refresh_from_db()
    assert found.adopted == {upload.pk}
    assert (upload.state, upload.uploading_id, upload.attention) == ("processed", 70, "")
    assert (upload.sent_at, upload.accepted_at) == (NOW - timedelta(hours=1), NOW)
    assert (upload.attempts, upload.source_quantity) == (attempts, 3)
    assert UploadAttempt.objects.get().error_class == "FoundInList"


@pytest.mark.parametrize("reason", moves.TAKEN_ALL_THE_SAME)
def test_an_upload_that_counts_as_refused_and_stands_in_a_list_is_taken(
    counter: Counter, reason: Attention
) -> None:
    upload = upload_in(counter, UploadState.NEEDS_ATTENTION, reason)
    Upload.objects.update(attempts=2, rows=3)

    found = examine(counter, 1, [listed(upload.marker)], NOW)

    upload.refresh_from_db()
    assert found.adopted == {upload.pk}
    assert (upload.state, upload.uploading_id, upload.attention) == ("processed", 70, "")
    assert (moves.RETRY.allows(upload), moves.GATHER_AGAIN.allows(upload)) == (
        False,
        False,
    )
    assert UploadAttempt.objects.get().error_class == "FoundInList"


@pytest.mark.parametrize("state", ["sending", "unclear", "sent", "processed"])
def test_an_upload_in_another_state_that_stands_once_is_left_alone(
    counter: Counter, state: str
) -> None:
    upload = upload_in(counter, UploadState(state))
    before = Upload.objects.values().get()

    assert examine(counter, 1, [listed(upload.marker)], NOW) == type(examine(counter, 1, [], NOW))()

    assert Upload.objects.values().get() == before


def test_an_upload_that_was_claimed_after_the_list_was_read_is_not_taken(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = make_upload(counter=counter, state="ready", uploading_id=None, sent_at=None)
    stale = Upload.objects.get()
    Upload.objects.update(attempts=1, state="sending", lease_until=NOW)
    monkeypatch.setattr("calls.delivery.listings._uploads", lambda *_args: [stale])

    found = examine(counter, 1, [listed(upload.marker)], NOW)

    assert (found.adopted, Upload.objects.get().state) == (frozenset(), "sending")


def test_an_unknown_marker_of_ours_is_recorded_once(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    first = [listed(UNKNOWN, 70, status="UPLOADED"), listed("comment of a person", 6)]
    later = [listed(UNKNOWN, 70), listed(UNKNOWN, 80)]

    new = [examine(counter, 1, seen, NOW).unknown for seen in (first, first, later, later)]

    file = UnknownFile.objects.get()
    assert new == [(file,), (), (), ()]
    assert (file.counter, file.channel, file.marker, file.state) == (counter, 1, UNKNOWN, "open")
    assert (file.uploading_ids, file.rows, file.status) == ([70, 80], 3, "PROCESSED")
    assert (file.create_time, file.found_at) == (NOW - timedelta(hours=1), NOW)
    assert errors(caplog) == [
        f"counter {counter.number}: 1 files of ours in Metrika are not in the database: {UNKNOWN}"
    ]


@pytest.mark.parametrize(
    ("comment", "age"),
    [("ck123", 1), ("CK" + "f" * 32, 1), (f"{UNKNOWN} ", 1), ("", 1), (UNKNOWN, 36)],
)
def test_other_comments_and_old_files_are_not_recorded(
    counter: Counter, comment: str, age: int
) -> None:
    examine(counter, 1, [listed(comment, create_time=NOW - timedelta(days=age))], NOW)

    assert not UnknownFile.objects.exists()


def test_a_long_list_takes_as_many_queries_as_a_short_one(counter: Counter) -> None:
    upload = make_upload(counter=counter)
    queries = []
    for length in (10, 10_000):
        seen = [listed(upload.marker, 1)]
        seen += [listed(f"ckff{number:030x}", number) for number in range(2 * length, 3 * length)]
        with CaptureQueriesContext(connection) as first:
            examine(counter, 1, seen, NOW)
        with CaptureQueriesContext(connection) as again:
            examine(counter, 1, seen, NOW)
        queries.append((len(first), len(again)))

    assert UnknownFile.objects.count() == 10_010
    assert queries[0] == queries[1]
    # While there are unknown files: the recorded ones, the counters with the number, who has them.
    assert queries[1][1] <= 4


def test_a_shared_number_parks_the_calls_of_every_cabinet(counter: Counter) -> None:
    account = factories.make_account(cabinet=factories.make_cabinet(name="Двери"))
    other = factories.make_counter(account=account, number=counter.number)
    factories.make_counter(account=account, number=counter.number + 1)

    found = examine(counter, 1, [listed(UNKNOWN)], NOW)
    examine(other, 1, [listed(UNKNOWN)], NOW)

    assert [one.counter_id for one in found.unknown] == [counter.pk]
    recorded = UnknownFile.objects.order_by("counter").values_list("counter", "marker", "state")
    assert list(recorded) == [(counter.pk, UNKNOWN, "open"), (other.pk, UNKNOWN, "open")]

    decide_files(counter, send=True, ids=found_ids(), actor=None, now=NOW)

    states = dict(UnknownFile.objects.values_list("counter", "state"))
    assert states == {counter.pk: "released", other.pk: "open"}


def found_ids() -> list[int]:
    return list(UnknownFile.objects.values_list("pk", flat=True))
