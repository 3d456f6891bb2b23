"""The table of states is complete, its names exist, and docs/states.md prints it."""

from __future__ import annotations

from itertools import product

import pytest
from django.urls import get_resolver

from callkeeper_metrika.schedule import SCHEDULE
from calls.delivery.moves import CANCEL, GATHER_AGAIN, RETRY
from calls.delivery.state_docs import (
    errors_as_markdown,
    moves_as_markdown,
    states_as_markdown,
)
from calls.delivery.state_table import DELIVERY_STATES, UPLOAD_STATES, Owner, StateRow
from calls.models import Upload
from calls.states import OPEN_UPLOADS, Attention, DeliveryState, UploadState
from tests.paths import ROOT

DOCUMENT = ROOT / "docs" / "states.md"
ROWS = [*DELIVERY_STATES.values(), *UPLOAD_STATES.values()]


def test_every_state_of_a_delivery_is_in_the_table() -> None:
    assert set(DELIVERY_STATES) == set(DeliveryState)


def test_every_state_and_reason_of_an_upload_is_in_the_table() -> None:
    assert {state for state, _why in UPLOAD_STATES} == set(UploadState)
    assert {why for _state, why in UPLOAD_STATES if why} == set(Attention)


def test_open_states_are_owned_by_beat_and_every_owner_has_a_means() -> None:
    for (state, _why), row in UPLOAD_STATES.items():
        if state in OPEN_UPLOADS:
            assert (row.owner, bool(row.by)) == (Owner.BEAT, True)
    for row in ROWS:
        assert bool(row.by) or row.owner in {Owner.NONE, Owner.UPLOAD}


def test_buttons_of_the_table_are_the_moves_that_are_allowed() -> None:
    pairs = product([UploadState.NEEDS_ATTENTION], Attention)
    for state, why in pairs:
        row = UPLOAD_STATES.get((state, why))
        upload = Upload(state=state, attention=why)
        presses = set(row.by) if row else set()
        if row is None:
            continue
        assert RETRY.allows(upload) is ("calls:upload-retry" in presses)
        assert GATHER_AGAIN.allows(upload) is ("calls:upload-gather-again" in presses)
        assert CANCEL.allows(upload) is ("calls:upload-call-off" in presses)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.step[:40])
def test_tasks_and_url_names_of_the_table_exist(row: StateRow) -> None:
    tasks = {row["task"] for row in SCHEDULE.values()}
    addresses = {
        f"{app}:{name}"
        for app in ("calls", "counters")
        for name in get_resolver().namespace_dict[app][1].reverse_dict
        if isinstance(name, str)
    }

    assert set(row.by) | set(row.at_last) <= tasks | addresses


def test_docs_contain_the_three_tables() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")

    assert states_as_markdown() in document
    assert moves_as_markdown() in document
    assert errors_as_markdown() in document
