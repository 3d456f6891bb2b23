"""`manage.py after_restore`: a restored database sends again and doubles nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import AuditEvent, Cabinet
from calls.delivery import after_restore, batching, lookup, manifest, polling, sending
from calls.management.commands.after_restore import Command
from calls.models import Call, Delivery, ListUse, RestoreRun, UnknownFile, Upload, UploadAttempt
from calls.runtime import failpoints
from calls.states import Channel, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.installation import guard, marks
from integrations.installation.marks import Mark
from integrations.installation.state import Kind
from integrations.models import Installation, YandexAccount
from tests import factories, installation
from tests.calls.restoring import lose_call, lose_upload
from tests.calls.sandbox_world import list_requests, rows_in_metrika
from tests.calls.stored import row_of, store_call

GRACE = timedelta(seconds=900)


class Killed(BaseException):
    """The process dies here."""


class World:
    """What was sent after the dump: with and without a manifest, lost calls, the same file."""

    def __init__(self, cabinet: Cabinet, counter: Counter) -> None:
        self.cabinet, self.counter = cabinet, counter
        self.resent = self._send()  # ready in the dump, sent since
        self.known = self._send(calls=2)  # waiting in the dump; one call came after it
        self.unknown = self._send(calls=1)  # waiting in the dump; its manifest is lost
        self.mark_at = timezone.now()
        self._go_back()

    def _send(self, calls: int = 1) -> Upload:
        for _ in range(calls):
            store_call(cabinet=self.cabinet)
        batching.build_uploads(now=timezone.now())
        sending.send_due(seconds=10)
        upload = Upload.objects.latest("pk")
        assert upload.state == UploadState.SENT
        return upload

    def _go_back(self) -> None:
        self.lost = Call.objects.get(deliveries__upload=self.known, deliveries__row_number=2)
        self.parked = Call.objects.get(deliveries__upload=self.unknown)
        lose_upload(self.known)
        lose_call(self.lost)
        lose_upload(self.unknown)
        manifest.path_of(self.unknown.marker).unlink()
        UploadAttempt.objects.all().delete()
        Upload.objects.filter(pk=self.resent.pk).update(
            state=UploadState.READY, uploading_id=None, attempts=0, sent_at=None, accepted_at=None
        )
        Installation.objects.update(epoch=0)


@pytest.fixture
def world(
    cabinet: Cabinet,
    linked_counter: Counter,
    clock: time_machine.Traveller,
    settings: Settings,
    tmp_path: Path,
) -> World:
    settings.INSTALLATION_FILE = tmp_path / "installation.json"
    installation.reset_marks()
    return World(cabinet, linked_counter)


@pytest.fixture
def run(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the command; its waiting moves the clock."""

    def rest(seconds: float) -> None:
        clock.shift(timedelta(seconds=seconds))

    monkeypatch.setattr(Command, "rest", staticmethod(rest))

    def run_command(*arguments: str) -> str:
        output = io.StringIO()
        call_command("after_restore", *arguments, stdout=output)
        return output.getvalue()

    return run_command


def work(clock: time_machine.Traveller) -> None:
    """Let everything run that could send, for more than the grace."""
    for _ in range(8):
        batching.build_uploads(now=timezone.now())
        lookup.resolve_unclear()
        sending.send_due(seconds=10)
        polling.poll_open()
        clock.shift(timedelta(minutes=5))


def snapshot() -> str:
    tables = [
        list(Upload.objects.order_by("pk").values_list()),
        list(Delivery.objects.order_by("pk").values_list()),
        list(Installation.objects.values_list()),
        list(UnknownFile.objects.values_list()),
        list(RestoreRun.objects.values_list()),
        AuditEvent.objects.count(),
    ]
    return json.dumps(tables, default=str)


def test_dry_run_tells_and_changes_nothing(world: World, sandbox: RunningSandbox, run: Any) -> None:
    before, asked = snapshot(), list_requests(sandbox)

    told = run()

    assert snapshot() == before
    assert list_requests(sandbox) == asked
    assert "behind" in told
    assert "the database is at epoch 0, 3 claims behind" in told
    assert "Uploads that may have been sent since: ready 1, later 0, sending 0, unclear 0." in told
    assert "Manifests of files that the database does not know: 1." in told
    assert "Lists to read: 2." in told
    last = Call.objects.latest("pk").received_at
    assert f"The last call that is here came at {last:%Y-%m-%d %H:%M:%S}Z" in told
    assert "Nothing was changed. Next: manage.py after_restore --apply" in told


def test_nothing_to_do_for_a_database_that_is_not_behind(
    cabinet: Cabinet, run: Any, clock: Any
) -> None:
    assert "Nothing to do." in run("--apply")
    assert RestoreRun.objects.count() == 0


def test_before_the_grace_is_over_it_waits_or_says_so(world: World, run: Any) -> None:
    with pytest.raises(CommandError, match="show everything in 900 s: run it again") as refusal:
        run("--apply", "--no-wait")
    assert refusal.value.returncode == 2
    assert guard.state(timezone.now()).kind is Kind.BEHIND
    upload = Upload.objects.get()
    assert (upload.state, upload.sent_at) == (UploadState.UNCLEAR, world.mark_at)

    told = run("--apply")
    assert timezone.now() >= world.mark_at + GRACE
    assert "This database sends again." in told
    assert RestoreRun.objects.count() == 1


def test_end_to_end_nothing_is_doubled(
    world: World, sandbox: RunningSandbox, run: Any, clock: time_machine.Traveller
) -> None:
    work(clock)  # builds a file of what waits
    assert len(rows_in_metrika(sandbox)) == 4  # halted: nothing goes

    told = run("--apply")

    assert guard.state(timezone.now()).kind is Kind.OK
    finished = RestoreRun.objects.get()
    assert finished.finished_at is not None
    assert finished.numbers == {
        "adopted": 1,
        "nothing found": 1,
        "taken over": 1,
        "rows without a call": 1,
        "parked": 1,
        "lists read": 2,
        "not listed": 0,
    }
    for name, number in finished.numbers.items():
        assert f"{name:<20} {number:>8}" in told
    new = store_call(cabinet=world.cabinet, started_at=timezone.now())
    store_call(
        cabinet=world.cabinet,
        external_id=world.lost.external_id,
        started_at=world.lost.started_at,
        client_id=world.lost.client_id,
    )
    work(clock)

    sent = [row["ClientId"] for row in rows_in_metrika(sandbox)]
    assert len(sent) == len(set(sent)) == 5
    assert row_of(world.parked).reason == "maybe_sent"
    assert row_of(new).upload is not None
    assert Upload.objects.get(pk=world.resent.pk).uploading_id is not None
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"restore.begun", "restore.finished", "upload.taken_over"} <= actions


@pytest.mark.parametrize(
    "place",
    [
        "after_sequences",
        "after_doubt",
        "before_takeover_commit",
        "after_takeover",
        "before_park_commit",
        "after_listing",
        "before_release",
        "after_release",
    ],
)
def test_a_kill_in_any_step_is_taken_up_by_the_next_start(
    place: str, world: World, sandbox: RunningSandbox, run: Any, clock: time_machine.Traveller
) -> None:
    def die(name: str) -> None:
        if name == place:
            raise Killed

    with mock.patch.object(failpoints, "listener", die), pytest.raises(Killed):
        run("--apply")
    work(clock)
    assert len(rows_in_metrika(sandbox)) == 4

    run("--apply")
    work(clock)

    assert RestoreRun.objects.get().finished_at is not None
    sent = [row["ClientId"] for row in rows_in_metrika(sandbox)]
    assert len(sent) == len(set(sent)) == 4
    assert UnknownFile.objects.filter(state=UnknownFile.State.ADOPTED).count() == 1
    assert Upload.objects.filter(marker=world.known.marker).count() == 1


def test_two_commands_do_not_run_at_once(world: World, run: Any, django_db_blocker: Any) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(7202608)")
        with pytest.raises(CommandError, match="Another after_restore is running") as refusal:
            run("--apply")
        assert refusal.value.returncode == 3
        assert RestoreRun.objects.count() == 0
    finally:
        other.close()


def test_an_account_that_cannot_be_listed_keeps_the_duty(
    world: World, run: Any, clock: time_machine.Traveller
) -> None:
    lost = factories.make_account(cabinet=world.cabinet, state=YandexAccount.State.REAUTH_REQUIRED)
    factories.make_counter(account=lost, number=95_000_001)

    told = run("--apply")

    assert "counter 95000001" in told
    assert "its list is read before its first send" in told
    assert "What was not listed is listed before its first send." in told
    listing_at = RestoreRun.objects.get().listing_at
    assert Installation.objects.get().look_after == listing_at


def test_sequences_are_beyond_every_id_that_was_given(world: World, run: Any) -> None:
    path = installation.mark_file()
    mark = replace(guard.state(timezone.now()).mark, highest_upload=5_000_000)  # type: ignore[type-var]
    path.write_text(mark.to_json(), encoding="utf-8")  # type: ignore[union-attr]

    run("--apply")

    call = store_call(cabinet=world.cabinet, started_at=timezone.now(), duration_seconds=0)
    assert call.pk > 1_000_000
    assert batching.build_uploads(now=timezone.now()) == 1
    assert Upload.objects.latest("pk").pk >= 6_000_000


def test_a_database_on_a_new_machine_lists_and_sends_again(
    world: World, sandbox: RunningSandbox, run: Any, clock: time_machine.Traveller
) -> None:
    installation.remove_marks()
    assert guard.state(timezone.now()).kind is Kind.FOREIGN

    run("--apply")

    assert RestoreRun.objects.get().numbers["adopted"] == 1
    assert guard.state(timezone.now()).kind is Kind.OK
    work(clock)
    assert len(rows_in_metrika(sandbox)) == 4


def test_without_marks_a_run_is_continued_by_the_machine_that_began_it(
    world: World, run: Any, clock: time_machine.Traveller, settings: Settings, tmp_path: Path
) -> None:
    installation.remove_marks()
    with pytest.raises(CommandError) as early:
        run("--apply", "--no-wait")
    assert early.value.returncode == 2
    begun = RestoreRun.objects.get()

    # A third machine, with a dump that was taken in the middle of that run.
    settings.INSTALLATION_FILE = tmp_path / "third" / "installation.json"
    assert after_restore.survey(timezone.now()).run is None
    settings.INSTALLATION_FILE = tmp_path / "installation.json"

    clock.shift(GRACE + timedelta(seconds=60))
    assert "The run of" in run("--apply", "--no-wait")

    assert RestoreRun.objects.get().finished_at is not None
    assert RestoreRun.objects.get().started_at == begun.started_at
    assert guard.state().kind is Kind.OK


def test_while_another_sender_goes_on_nothing_is_released(
    world: World, run: Any, clock: time_machine.Traveller
) -> None:
    """The former primary advances the marks, which only a sender does."""
    row = Installation.objects.get()

    def send_elsewhere(name: str) -> None:
        if name == "before_release":
            marks.advance_all(Mark(row.uid, row.public_host, 9, 9, timezone.now()))

    with (
        mock.patch.object(failpoints, "listener", send_elsewhere),
        pytest.raises(CommandError, match="something else has sent since") as refusal,
    ):
        run("--apply")
    assert (refusal.value.returncode, guard.state().kind) == (3, Kind.BEHIND)

    run("--apply")

    assert guard.state().kind is Kind.OK
    assert Installation.objects.get().epoch == 10
    first, second = RestoreRun.objects.order_by("pk")
    assert (first.numbers, second.mark_epoch) == ({}, 9)


def test_a_run_that_the_dump_has_is_not_continued(
    world: World, sandbox: RunningSandbox, run: Any
) -> None:
    """The dump was taken in the middle of the run after an earlier restore."""
    since = timezone.now() - timedelta(days=1)
    RestoreRun.objects.create(
        started_at=since,
        cause="behind",
        mark_at=since,
        mark_epoch=1,
        sequences_at=since,
        uploads_at=since,
        listing_at=since,
    )
    ListUse.objects.all().delete()
    for channel in Channel:
        ListUse.objects.create(
            counter=world.counter, channel=channel, read_whole_at=timezone.now() - GRACE
        )

    run("--apply")

    former, new = RestoreRun.objects.order_by("pk")
    assert former.numbers == {}
    assert new.numbers["adopted"] == new.numbers["taken over"] == new.numbers["parked"] == 1


def test_a_person_confirms_that_a_foreign_database_is_the_production(
    world: World, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.remove_marks()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: "no")

    with pytest.raises(CommandError, match="Nothing was changed"):
        run("--apply")

    assert guard.state(timezone.now()).kind is Kind.FOREIGN
    assert RestoreRun.objects.count() == 0
