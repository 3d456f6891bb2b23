"""Moves of an upload: the legal ones move, all others are refused and change nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from django.utils import timezone

from calls.delivery import moves, transitions
from calls.delivery.moves import MARK_DUPLICATE, MOVES, TAKE_FOUND, Move
from calls.delivery.policy import after_failure, after_status
from calls.delivery.results import quantities
from calls.delivery.state_table import UPLOAD_STATES, Owner
from calls.delivery.transitions import IllegalTransition
from calls.models import Upload
from calls.states import TAKEN_UPLOADS, Attention, UploadState
from counters.models import Counter
from integrations.yandex.errors import (
    AccessDenied,
    QuotaExceeded,
    RequestRejected,
    TokenRejected,
    UnexpectedAnswer,
    Unreachable,
)
from integrations.yandex.records import Uploading
from tests.calls.ledger import make_upload
from tests.odd_values import undone
from tests.paths import ROOT

PRODUCT = (
    "cabinets",
    "calls",
    "callkeeper_metrika",
    "counters",
    "dashboard",
    "notices",
    "integrations",
)
#: The one place where an upload is created, with the default state of the model.
CREATES = ROOT / "calls" / "delivery" / "uploads.py"
TRANSITIONS = ROOT / "calls" / "delivery" / "transitions.py"

#: Each kind of failure, those of the file by their statuses.
FAILURES = (
    Unreachable("no route", may_have_arrived=False),
    Unreachable("the answer was lost", may_have_arrived=True),
    QuotaExceeded("spent", http_status=429),
    TokenRejected("refused", http_status=401),
    AccessDenied("refused", http_status=403),
    UnexpectedAnswer("strange", http_status=502),
    RequestRejected("bad row", http_status=400, error_type="invalid_uploading"),
    RequestRejected("too large", http_status=413),
    RequestRejected("our fault", http_status=400, error_type="invalid_parameter"),
)


def upload_in(counter: Counter, state: UploadState, attention: Attention | str = "") -> Upload:
    """Create an upload in this state, with the columns that the constraints require."""
    if state == UploadState.NEEDS_ATTENTION and not attention:
        attention = Attention.REJECTED
    return make_upload(
        counter=counter,
        state=state,
        attention=attention,
        uploading_id=1 if state in TAKEN_UPLOADS else None,
        lease_until=timezone.now() if state == UploadState.SENDING else None,
    )


def columns(upload: Upload) -> dict[str, object]:
    return dict(Upload.objects.filter(pk=upload.pk).values().get())


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)
def test_every_pair_of_states_moves_only_if_the_table_has_it(counter: Counter, move: Move) -> None:
    for source in UploadState:
        upload = upload_in(counter, source)
        before = columns(upload)
        one = Upload.objects.filter(pk=upload.pk)
        for target in UploadState:
            if target not in move.targets:
                with pytest.raises(IllegalTransition):
                    transitions.apply(one, move, target, **needed_by(target))
                continue
            with undone():
                moved = transitions.apply(one, move, target, **needed_by(target))
                after = columns(upload)
            assert moved == (source in move.sources)
            assert after["state"] == target if moved else after == before
        # None of the moves that were refused has changed anything.
        assert columns(upload) == before


def needed_by(target: UploadState) -> dict[str, object]:
    """The columns that the constraints require of the target: only the table can refuse it."""
    return {
        "uploading_id": 1 if target in TAKEN_UPLOADS else None,
        "attention": next(why or "" for state, why in UPLOAD_STATES if state == target),
        "lease_until": timezone.now() if target == UploadState.SENDING else None,
    }


def test_a_state_is_written_only_with_a_reason_that_the_table_of_states_has(
    counter: Counter,
) -> None:
    for move in MOVES:
        upload = upload_in(counter, move.sources[0])
        before = columns(upload)
        one = Upload.objects.filter(pk=upload.pk)
        for target, why in product(move.targets, (None, *Attention)):
            needed = needed_by(target) | {"attention": why or ""}
            if (target, why) in UPLOAD_STATES:
                with undone():
                    assert transitions.apply(one, move, target, **needed) == 1
            else:
                with pytest.raises(IllegalTransition):
                    transitions.apply(one, move, target, **needed)
        # None of the reasons that were refused has changed anything.
        assert columns(upload) == before


@pytest.mark.parametrize(
    "move", [move for move in MOVES if move.reasons], ids=lambda move: move.name
)
def test_an_upload_that_needs_attention_moves_only_for_the_reasons_of_the_move(
    counter: Counter, move: Move
) -> None:
    for why, uploading_id in product(Attention, (None, 7)):
        upload = upload_in(counter, UploadState.NEEDS_ATTENTION, why)
        Upload.objects.filter(pk=upload.pk).update(uploading_id=uploading_id)
        upload.refresh_from_db()
        expected = why in move.reasons and uploading_id is None

        assert move.allows(upload) is expected
        assert Upload.objects.filter(move.condition, pk=upload.pk).exists() is expected


def test_condition_and_allows_agree_in_every_state(counter: Counter) -> None:
    for state, move in product(UploadState, MOVES):
        upload = upload_in(counter, state)
        there = Upload.objects.filter(move.condition, pk=upload.pk).exists()

        assert move.allows(upload) is there


def test_final_states_have_no_move_and_all_others_have_one() -> None:
    # That Metrika has a file after all, or twice, may come out at any time.
    late = (MARK_DUPLICATE, TAKE_FOUND)
    leaving = {state for move in MOVES if move not in late for state in move.sources}
    final = {
        state
        for state in UploadState
        if all(
            row.owner == Owner.NONE for (one, _why), row in UPLOAD_STATES.items() if one == state
        )
    }

    assert final == {UploadState.PROCESSED, UploadState.LINKAGE_FAILURE, UploadState.CANCELLED}
    assert leaving == set(UploadState) - final


def test_the_owner_of_each_state_makes_a_move_out_of_it() -> None:
    for (state, why), row in UPLOAD_STATES.items():
        if row.owner == Owner.NONE:
            continue
        makers = {
            by
            for move in MOVES
            if state in move.sources and (not move.reasons or why is None or why in move.reasons)
            for by in move.by
        }
        assert makers & set(row.by), (state, why)


def test_only_transitions_writes_the_state_of_an_upload() -> None:
    writers = {
        f"{path.relative_to(ROOT)}:{line}"
        for folder in (*PRODUCT, "devtools")
        for path in (ROOT / folder).rglob("*.py")
        if path not in (TRANSITIONS, CREATES) and path.parent.name != "migrations"
        for line in lines_that_write_upload_state(path)
    }

    assert writers == set()


def test_only_create_upload_creates_one() -> None:
    creators = {
        path
        for folder in (*PRODUCT, "devtools")
        for path in (ROOT / folder).rglob("*.py")
        if "Upload.objects.create(" in (text := path.read_text(encoding="utf-8"))
        or "Upload.objects.bulk_create(" in text
        or "UploadFile.objects.create(" in text
    }

    assert creators == {CREATES}


def lines_that_write_upload_state(path: Path) -> Iterator[int]:
    """Yield lines that write it by `update`, `save` or `bulk_update`, by assignment, and in SQL."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            (isinstance(node, ast.Call) and writes_upload_state(node))
            or (isinstance(node, ast.Assign) and assigns_upload_state(node))
            or (isinstance(node, ast.Constant) and "UPDATE calls_upload " in str(node.value))
        ):
            yield node.lineno


def writes_upload_state(call: ast.Call) -> bool:
    query, _, method = ast.unparse(call.func).rpartition(".")
    is_of_uploads = bool(re.search(r"\bUpload\b|\bupload", query)) and "Delivery." not in query
    if method in {"bulk_update", "update_or_create", "save"}:
        return is_of_uploads and "state" in ast.unparse(call)
    return method == "update" and any(
        may_be_upload_state(word, is_of_uploads=is_of_uploads) for word in call.keywords
    )


def may_be_upload_state(word: ast.keyword, *, is_of_uploads: bool) -> bool:
    value = ast.unparse(word.value)
    if word.arg is None:
        # A dict could hide the state; the columns of `results.quantities` do not have it.
        return is_of_uploads and "quantities(" not in value
    is_upload_state = "UploadState" in value or value.strip("'") in UploadState.values
    return word.arg == "state" and (is_of_uploads or is_upload_state)


def assigns_upload_state(assignment: ast.Assign) -> bool:
    target = ast.unparse(assignment.targets[0])
    return "UploadState" in ast.unparse(assignment.value) and (
        target.endswith(".state") or ".state," in target
    )


def test_quantities_do_not_contain_the_state() -> None:
    columns = quantities(Uploading(uploading_id=1, status="UPLOADED", comment=""))

    assert "state" not in columns
    assert set(columns) <= {field.name for field in Upload._meta.fields}


def test_the_search_for_writers_finds_each_kind(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text(
        "Upload.objects.filter(pk=1).update(state=UploadState.SENT)\n"
        "upload.state = UploadState.SENT\n"
        "upload.state, upload.settled_at = UploadState.CANCELLED, now\n"
        "cursor.execute('UPDATE calls_upload SET state = 1')\n"
        "Upload.objects.update(**changes)\n"
        "upload.save(update_fields=['state'])\n"
        "chosen.update(state='later')\n"
        "Upload.objects.bulk_update(found, ['state'])\n"
        "Delivery.objects.filter(upload=upload).update(state=DeliveryState.WAITING)\n"
        "Upload.objects.sent().update(polls=1, **quantities(uploading))\n"
        "account.save(update_fields=['state'])\n"
        "when(DisplayState.SENT, state=UploadState.SENT)\n",
        encoding="utf-8",
    )

    assert sorted(lines_that_write_upload_state(planted)) == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("to", TAKEN_UPLOADS)
def test_take_settles_an_upload_only_if_metrika_has_processed_it(
    counter: Counter, to: UploadState
) -> None:
    upload = upload_in(counter, UploadState.SENDING)
    now = timezone.now()
    next_poll_at = now + timedelta(minutes=10)

    taken = transitions.take(
        Upload.objects.filter(pk=upload.pk),
        to,
        uploading_id=7,
        attention=None,
        quantities={"metrika_status": "UPLOADED"},
        now=now,
        next_poll_at=next_poll_at,
    )

    upload.refresh_from_db()
    dates = (None, next_poll_at) if to == UploadState.SENT else (now, None)
    assert taken
    assert (upload.state, upload.uploading_id, upload.accepted_at) == (to, 7, now)
    assert (upload.settled_at, upload.next_poll_at) == dates


@pytest.mark.parametrize(
    ("to", "is_settled"), [(UploadState.CANCELLED, True), (UploadState.NEEDS_ATTENTION, False)]
)
def test_end_search_settles_only_what_it_cancels(
    counter: Counter, to: UploadState, is_settled: bool
) -> None:
    upload = upload_in(counter, UploadState.SPLITTING)
    now = timezone.now()

    ended = transitions.end_search(
        Upload.objects.filter(pk=upload.pk), to, Attention.REJECTED, now=now
    )

    upload.refresh_from_db()
    assert ended
    assert (upload.state, upload.settled_at) == (to, now if is_settled else None)


def test_every_outcome_of_the_policy_is_a_legal_move() -> None:
    """Otherwise an answer of Metrika could not be recorded at all."""
    counts = (None, 1, 2, 3)
    outcomes = {
        after_status(status, source_quantity=source, line_quantity=line, rows=2)
        for status in ("PROCESSED", "LINKAGE_FAILURE", "UPLOADED", "a new status")
        for source, line in product(counts, repeat=2)
    }
    failures = {
        (step.state, step.attention)
        for error in FAILURES
        for step in [after_failure(error, attempts=1, now=timezone.now())]
    }

    assert {state for state, _why in outcomes} == set(moves.TAKE.targets)
    assert {state for state, _why in failures} == set(moves.FAIL.targets)
    assert outcomes | failures <= set(UPLOAD_STATES)
