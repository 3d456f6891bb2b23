"""The guard: what a database may do, by its row and the marks outside it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from integrations.installation import broker_mark, guard, marks
from integrations.installation.broker_mark import BrokerMark
from integrations.installation.file_mark import FileMark
from integrations.installation.guard import MarkNotWritten, SendingHalted
from integrations.installation.state import Kind
from integrations.models import Installation
from tests import installation
from tests.installation import MARK, UID

pytestmark = pytest.mark.django_db
OTHER = UUID("00000000-0000-4000-8000-00000000000f")
NOWHERE = "redis://127.0.0.1:1/0"
Halt = Installation.Halt


def row() -> Installation:
    return Installation.objects.get()


def change(**fields: object) -> None:
    Installation.objects.update(**fields)


def claim() -> int:
    permit = guard.check()
    with transaction.atomic():
        epoch = guard.claim_epoch(permit)
    guard.record(epoch, 5, now=timezone.now())
    return epoch


def break_file(settings: Settings) -> None:
    """Let the path lead through a file, so that nothing can be read or written there."""
    settings.INSTALLATION_FILE = installation.mark_file() / "installation.json"


def test_claims_are_counted_in_every_place() -> None:
    assert [claim(), claim(), claim()] == [1, 2, 3]

    assert [one.mark and one.mark.epoch for one in marks.read_all()] == [3, 3]
    assert row().epoch == 3
    assert guard.state().kind is Kind.OK


def between_marks_and_row(act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another process act once, after the marks are read and before the row is."""
    read_all, acts = marks.read_all, [act]

    def read() -> tuple[marks.Reading, ...]:
        readings = read_all()
        if acts:
            acts.pop()()
        return readings

    monkeypatch.setattr(marks, "read_all", read)


def adopt() -> None:
    marks.advance_all(replace(MARK, at=timezone.now()))
    change(adopted_at=timezone.now(), public_host="localhost")


@pytest.mark.parametrize("ask", [guard.check, guard.ensure_may_request])
def test_database_that_is_adopted_while_it_is_judged_is_not_halted(
    ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.remove_marks()
    change(adopted_at=None, public_host="")
    between_marks_and_row(adopt, monkeypatch)

    ask()

    assert (row().halt_reason, guard.state().kind) == ("", Kind.OK)


def test_database_that_is_released_while_it_is_judged_is_not_halted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change(halt_reason="", halted_at=None)
    marks.replace_all(replace(MARK, epoch=7))
    found = guard._judged(timezone.now())
    now = timezone.now()
    guard.release(now=now, look_after=now, mark_epoch=7)

    assert found.kind is Kind.BEHIND
    assert guard._halted(found).kind is Kind.OK
    assert (row().halt_reason, row().epoch) == ("", 8)


def test_fresh_database_adopts_itself_once(settings: Settings) -> None:
    installation.remove_marks()
    change(adopted_at=None, public_host="")
    settings.PUBLIC_URL = "https://Метрика.example:8443/"
    assert guard.state().kind is Kind.NEW
    before = timezone.now()

    assert claim() == 1

    adopted = row()
    assert adopted.public_host == "xn--80ajjihzn.example"
    assert adopted.adopted_at is not None
    assert before <= adopted.adopted_at == adopted.look_after
    assert claim() == 2
    assert row().adopted_at == adopted.adopted_at


def test_death_between_mark_and_adoption_is_no_other_installation() -> None:
    """The mark is written first; the database that was not adopted yet knows it as its own."""
    change(adopted_at=None, public_host="")

    assert claim() == 1

    assert row().adopted_at is not None


def test_fresh_database_beside_the_mark_of_another_is_foreign() -> None:
    change(adopted_at=None, public_host="", uid=OTHER)

    assert guard.may_send() is False

    assert (row().halt_reason, row().adopted_at) == (Halt.FOREIGN, None)
    assert FileMark.from_settings().read() == MARK


def test_database_behind_the_mark_stops_uploads_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger=guard.logger.name)
    for _each in range(3):
        claim()
    change(epoch=1)

    assert [guard.may_send() for _each in range(3)] == [False] * 3

    assert guard.may_request() is True
    assert row().halt_reason == Halt.BEHIND
    assert row().halted_at is not None
    assert row().epoch == 1
    (record,) = caplog.records
    assert record.getMessage() == "nothing is sent any more: behind"


def test_halt_stays_when_the_database_catches_up_by_itself() -> None:
    claim()
    change(epoch=0)
    assert guard.may_send() is False
    change(epoch=5)

    assert guard.may_send() is False
    assert guard.state().kind is Kind.BEHIND


@pytest.mark.parametrize("place", [FileMark, BrokerMark])
def test_mark_of_another_installation_in_any_place_stops_every_request(
    place: type[FileMark] | type[BrokerMark],
) -> None:
    place.from_settings().replace(replace(MARK, uid=OTHER))

    assert guard.may_request() is False

    assert guard.may_send() is False
    assert row().halt_reason == Halt.FOREIGN


def test_adopted_database_without_a_mark_anywhere_is_foreign() -> None:
    installation.remove_marks()

    assert guard.may_request() is False

    assert row().halt_reason == Halt.FOREIGN
    assert not installation.mark_file().exists()


def test_other_public_host_is_foreign_until_it_is_adopted(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://staging.example"

    assert guard.may_request() is guard.may_send() is False

    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert guard.may_send() is False


@pytest.mark.parametrize(
    "url", ["http://localhost:9000", "http://[::1]:1", "http://127.0.0.1", "http://a.localhost"]
)
def test_names_of_this_machine_are_one_host(settings: Settings, url: str) -> None:
    settings.PUBLIC_URL = url

    assert guard.may_send() is True


def test_flushed_broker_gets_the_mark_of_the_file() -> None:
    claim()
    installation.redis().delete(broker_mark.KEY)

    assert guard.may_send() is True

    assert BrokerMark.from_settings().read() == FileMark.from_settings().read()
    assert claim() == 2


def test_lost_file_is_written_anew_from_the_broker() -> None:
    claim()
    installation.mark_file().unlink()

    assert guard.may_send() is True

    assert BrokerMark.from_settings().read() == FileMark.from_settings().read()
    assert claim() == 2


def test_file_that_cannot_be_used_is_replaced_by_the_broker(settings: Settings) -> None:
    claim()
    break_file(settings)

    assert [claim(), claim()] == [2, 3]


def test_broker_that_is_away_is_replaced_by_the_file(settings: Settings) -> None:
    claim()
    settings.REDIS_URL = NOWHERE

    assert [claim(), claim()] == [2, 3]


def test_nothing_is_sent_while_no_place_can_be_used(settings: Settings) -> None:
    claim()
    reachable = settings.REDIS_URL, settings.INSTALLATION_FILE
    settings.REDIS_URL = NOWHERE
    break_file(settings)

    assert guard.may_send() is False

    assert guard.may_request() is True
    assert (row().halt_reason, row().epoch) == (Halt.NO_MARK, 1)
    settings.REDIS_URL, settings.INSTALLATION_FILE = reachable
    assert guard.may_send() is True
    assert row().halt_reason == ""
    assert row().halted_at is None


def test_claim_whose_mark_is_not_written_is_not_sent(settings: Settings) -> None:
    """The places can be read before the claim, and fail after it."""
    permit = guard.check()
    epoch = guard.claim_epoch(permit)
    path = installation.mark_file()
    settings.REDIS_URL = NOWHERE
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    path.with_name(f"{path.name}.lock").mkdir()

    with pytest.raises(MarkNotWritten):
        guard.record(epoch, 1, now=timezone.now())

    assert row().halt_reason == Halt.NO_MARK
    assert guard.may_send() is False
    path.with_name(f"{path.name}.lock").rmdir()
    # The end of the halt is tried by writing a mark, which takes an epoch.
    assert guard.may_send() is True
    written = FileMark.from_settings().read()
    assert written is not None
    assert written.epoch == row().epoch > epoch


def test_claim_of_a_database_that_went_back_since_the_check_is_refused() -> None:
    claim()
    permit = guard.check()
    change(epoch=0)

    with pytest.raises(SendingHalted), transaction.atomic():
        guard.claim_epoch(permit)

    assert row().epoch == 0


def test_claim_after_a_halt_is_refused() -> None:
    permit = guard.check()
    change(halt_reason=Halt.BEHIND)

    with pytest.raises(SendingHalted), transaction.atomic():
        guard.claim_epoch(permit)

    assert row().epoch == 0


def test_death_between_commit_and_mark_leaves_the_epoch_ahead() -> None:
    guard.claim_epoch(guard.check())

    assert guard.may_send() is True
    assert claim() == 2


def test_death_between_mark_and_request_finds_an_older_database_behind() -> None:
    epoch = guard.claim_epoch(guard.check())
    guard.record(epoch, 1, now=timezone.now())
    change(epoch=epoch - 1)

    assert guard.may_send() is False
    assert row().halt_reason == Halt.BEHIND


def test_start_moves_the_time_from_which_lists_are_read_anew() -> None:
    started_at = timezone.now() - timedelta(minutes=1)
    guard.note_start(started_at)
    guard.note_start(started_at - timedelta(hours=1))

    assert row().look_after == started_at

    guard.note_start(started_at + timedelta(seconds=1))
    assert row().look_after == started_at + timedelta(seconds=1)


def test_release_goes_beyond_every_mark() -> None:
    claim()
    FileMark.from_settings().replace(replace(MARK, uid=OTHER, epoch=30, highest_upload=7))
    assert guard.may_send() is False
    now = timezone.now()

    assert guard.release(now=now, look_after=now, mark_epoch=30) == 31

    expected = replace(MARK, epoch=31, highest_upload=7, at=now)
    assert [one.mark for one in marks.read_all()] == [expected, expected]
    assert (row().uid, row().halt_reason, row().look_after) == (UID, "", now)
    assert claim() == 32


def test_release_without_a_place_changes_nothing(settings: Settings) -> None:
    claim()
    change(epoch=0)
    assert guard.may_send() is False
    settings.REDIS_URL = NOWHERE
    break_file(settings)

    with pytest.raises(MarkNotWritten):
        guard.release(now=timezone.now(), look_after=timezone.now(), mark_epoch=None)

    assert (row().halt_reason, row().epoch) == (Halt.BEHIND, 0)


def test_flushed_database_gets_a_row_that_is_not_the_installation() -> None:
    Installation.objects.all().delete()

    assert guard.may_send() is False

    assert row().uid != UID
    assert row().halt_reason == Halt.FOREIGN


@pytest.mark.django_db(transaction=True)
def test_concurrent_claims_are_put_in_order_by_the_row() -> None:
    """The second claim waits for the commit of the first, and gets the next epoch."""
    epochs: list[tuple[str, int]] = []
    permit = guard.check()
    started = threading.Event()

    def second() -> None:
        try:
            with transaction.atomic():
                started.set()
                epoch = guard.claim_epoch(permit)
                epochs.append(("second", epoch))
        finally:
            connection.close()

    thread = threading.Thread(target=second)
    with transaction.atomic():
        epoch = guard.claim_epoch(permit)
        thread.start()
        started.wait(timeout=60)
        epochs.append(("first", epoch))
    thread.join(timeout=60)

    assert epochs == [("first", 1), ("second", 2)]


@pytest.mark.django_db(transaction=True)
def test_marks_of_concurrent_claims_end_at_the_highest_epoch() -> None:
    def claims() -> None:
        try:
            for _each in range(5):
                claim()
        finally:
            connection.close()

    run_in_threads([claims] * 4)

    assert row().epoch == 20
    assert [one.mark and one.mark.epoch for one in marks.read_all()] == [20, 20]


def run_in_threads(jobs: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
