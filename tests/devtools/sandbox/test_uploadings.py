"""Statuses and lists of uploadings."""

from __future__ import annotations

from typing import Any

import pytest

from devtools.sandbox import start_sandbox
from tests.devtools.sandbox.actor import Actor, control, offline
from tests.devtools.sandbox.upload_files import HEADER, held, line, moment, statuses


def test_statuses_advance_by_the_sandbox_clock(actor: Actor) -> None:
    actor.upload(HEADER + line("17") + line("19"))
    seen = statuses(actor)

    for _ in range(3):
        control(actor.sandbox, "clock", advance_seconds=1200)
        seen += statuses(actor)

    assert seen == ["UPLOADED", "EXPORTED", "MATCHED", "PROCESSED"]
    last = actor.get(offline("calls_uploadings"))["uploadings"][0]
    assert (last["linked_quantity"], last["user_not_found_quantity"]) == (1, 1)


@pytest.mark.parametrize(
    "content",
    [
        HEADER + line("17", static=1),
        HEADER + line("", static=1),
        HEADER + line("19"),
        f"ClientId,DateTime\n17,{moment(22 * 86_400)}\n",
    ],
    # Named, because the text of the last one changes every second.
    ids=["static", "static without identifier", "unknown visitor", "visit too old"],
)
def test_file_without_a_linked_visit_ends_in_linkage_failure(actor: Actor, content: str) -> None:
    actor.upload(content)
    control(actor.sandbox, "clock", advance_seconds=3600)

    assert statuses(actor) == ["LINKAGE_FAILURE"]
    assert len(held(actor)) == 1


def test_list_is_cut_by_limit_and_zero_based_offset(actor: Actor) -> None:
    for number in range(3):
        actor.upload(HEADER + line(), comment=f"ck{number}")

    page = actor.get(offline("calls_uploadings"), limit=2, offset=1)["uploadings"]
    one = actor.get(offline(f"calls_uploading/{page[0]['id']}"))["uploading"]

    assert [uploading["comment"] for uploading in page] == ["ck1", "ck0"]
    assert one == page[0]
    assert actor.call("GET", offline("calls_uploading/1")).status_code == 404


def test_conversions_and_calls_have_lists_of_their_own(actor: Actor) -> None:
    actor.upload(HEADER + line(), comment="calls")
    actor.upload(f"ClientId,Target,DateTime\n17,call,{moment()}\n", path="upload", comment="goal")

    def comments(path: str, **params: str) -> list[str]:
        return [one["comment"] for one in actor.get(offline(path), **params)["uploadings"]]

    assert comments("calls_uploadings") == comments("uploadings", type="CALLS") == ["calls"]
    assert comments("uploadings") == ["goal"]


def test_restart_keeps_everything_that_was_accepted(tmp_path: Any) -> None:
    state = str(tmp_path / "sandbox.sqlite3")
    first = start_sandbox(state=state)
    actor = Actor(first)
    actor.link()
    number = actor.upload(HEADER + line(), comment="ck0001").json()["uploading"]["id"]
    control(first, "clock", advance_seconds=100)
    actor.browser.close()
    first.close()

    second = start_sandbox(state=state)
    actor.sandbox = second
    listed = actor.get(offline("calls_uploadings"))["uploadings"]
    rows = held(actor)
    offset = control(second, "clock")["offset_seconds"]
    second.close()

    assert [(one["id"], one["comment"], one["status"]) for one in listed] == [
        (number, "ck0001", "PROCESSED")
    ]
    assert len(rows) == 1
    assert offset == 100
