"""Uploads of calls and conversions."""

from __future__ import annotations

import pytest

from tests.devtools.sandbox.actor import COUNTER, Actor, control, offline
from tests.devtools.sandbox.upload_files import HEADER, errors, held, line, moment


def test_upload_is_answered_with_its_counts(actor: Actor) -> None:
    content = HEADER + line() + line("172", static=1) + line("not-digits") + line("")

    answer = actor.upload(content, comment="ck0001", new_goal_name="Звонок")

    uploading = answer.json()["uploading"]
    assert answer.status_code == 200
    assert uploading["id"] > 730_000_000
    assert uploading["create_time"].endswith("+03:00")
    assert uploading["source_quantity"] == 4
    assert uploading["line_quantity"] == 2
    assert uploading["static_calls_quantity"] == 1
    assert uploading["dynamic_calls_quantity"] == 1
    assert uploading["comment"] == "ck0001"
    assert uploading["client_id_type"] == "CLIENT_ID"
    assert (uploading["type"], uploading["status"]) == ("CALLS", "UPLOADED")


def test_values_are_kept_exactly_as_received(actor: Actor) -> None:
    tag = '"он сказал ""да"",\r\n=1+1 😀\nвторая строка"'

    actor.upload(HEADER.encode() + line(tag=tag).encode(), comment="ck0001")

    row = held(actor)[0]
    assert row["Tag"] == 'он сказал "да",\r\n=1+1 😀\nвторая строка'
    assert row["ClientId"] == "1718031415926535897"
    assert row["PhoneNumber"] == "+79161234567"
    assert row["comment"] == "ck0001"
    assert row["login"] == "okna-stolica"


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffClientId,DateTime\r\n17,{0}\r\n",
        "ClientId, DateTime\n17, {0}",
        '"",ClientId,DateTime,Colour\n"1",17,{0},red\n',
        'DateTime,ClientId\n\n"{0}","17"\n\n',
    ],
)
def test_tolerated_dialects_give_the_same_row(actor: Actor, content: str) -> None:
    answer = actor.upload(content.format(moment()), client_id_type="CLIENT_ID")

    assert answer.json()["uploading"]["line_quantity"] == 1
    assert held(actor)[0]["ClientId"] == "17"
    assert "Colour" not in held(actor)[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ClientId,DateTime\n",
        b"DateTime,Tag\n1,x\n",
        b"ClientId,Tag\n1,x\n",
        b"ClientId,ClientId,DateTime\n1,1,1\n",
        b'ClientId,DateTime,Tag\n1,1,"open\n',
        b'ClientId,DateTime,Tag\n1,1,a"b\n',
        b"ClientId,DateTime\n\xff\xfe,1\n",
        b"ClientId,DateTime\r1,1\r",
        b"ClientId;DateTime\n1;1\n",
    ],
)
def test_unusable_file_is_refused(actor: Actor, content: bytes) -> None:
    answer = actor.upload(content)

    assert answer.status_code == 400
    assert errors(answer) == "invalid_uploading"
    assert held(actor) == []
    assert actor.get(offline("calls_uploadings")) == {"uploadings": []}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ClientId", "abc"),
        ("DateTime", ""),
        ("DateTime", "1.5"),
        ("DateTime", "1767607384000"),
        ("StaticCall", "2"),
        ("Price", "10,5"),
        ("Price", "-1"),
        ("Currency", "rub"),
        ("PhoneNumber", "79161234567"),
        ("PhoneNumber", "+7 916 1234567"),
        ("TalkDuration", "-1"),
        ("HoldDuration", "1.5"),
        ("CallMissed", "yes"),
        ("FirstTimeCaller", "3"),
    ],
)
def test_row_with_an_invalid_value_is_dropped(actor: Actor, column: str, value: str) -> None:
    good = {"ClientId": "17", "DateTime": str(moment())}
    bad = good | {column: value}
    names = list(bad)
    lines = [",".join(f'"{row.get(name, "")}"' for name in names) for row in (good, bad)]

    answer = actor.upload("\n".join([",".join(names), *lines]))

    uploading = answer.json()["uploading"]
    assert (uploading["source_quantity"], uploading["line_quantity"]) == (2, 1)
    assert len(held(actor)) == 1


@pytest.mark.parametrize(("ahead", "lines"), [(-1, 1), (30, 0)])
def test_call_in_the_future_is_dropped(actor: Actor, ahead: int, lines: int) -> None:
    answer = actor.upload(f"ClientId,DateTime\n17,{moment(-ahead)}\n")

    assert answer.json()["uploading"]["line_quantity"] == lines


def test_masked_phone_and_empty_values_are_accepted(actor: Actor) -> None:
    content = f"Yclid,DateTime,PhoneNumber,Price,Tag\n17,{moment()},+7916***4567,,\n"

    uploading = actor.upload(content).json()["uploading"]

    assert (uploading["line_quantity"], uploading["client_id_type"]) == (1, "YCLID")


@pytest.mark.parametrize(
    ("comment", "status"),
    [
        ("ck0001", 200),
        ("Загрузка 7: a_b-c.d", 200),
        ("б" * 255, 200),
        ("б" * 256, 400),
        ("a/b", 400),
        ("😀", 400),
    ],
)
def test_comment_is_letters_and_digits(actor: Actor, comment: str, status: int) -> None:
    assert actor.upload(HEADER + line(), comment=comment).status_code == status


def test_part_must_be_named_file(actor: Actor) -> None:
    files = {"calls.csv": ("calls.csv", (HEADER + line()).encode())}

    named = actor.call("POST", offline("upload_calls"), files=files)
    raw = actor.call("POST", offline("upload_calls"), data=(HEADER + line()).encode())

    assert (named.status_code, errors(named)) == (400, "missing_parameter")
    assert (raw.status_code, errors(raw)) == (400, "missing_parameter")
    assert held(actor) == []


def test_chunked_body_is_read(actor: Actor) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    chunks = [head, HEADER.encode(), line().encode(), b"\r\n--b--\r\n"]

    url = actor.sandbox.url + offline("upload_calls")
    headers = {
        "Authorization": f"OAuth {actor.token}",
        "Content-Type": "multipart/form-data; boundary=b",
    }
    answer = actor.browser.post(url, data=iter(chunks), headers=headers, timeout=10)

    assert answer.json()["uploading"]["line_quantity"] == 1


@pytest.mark.parametrize(
    ("login", "counter", "status"),
    [("viewer", COUNTER, 403), ("okna-stolica", 91234705, 404), ("okna-stolica", 1, 404)],
)
def test_upload_needs_edit_permission_on_an_active_counter(
    actor: Actor, login: str, counter: int, status: int
) -> None:
    actor.login = login
    actor.link()

    files = {"file": (HEADER + line()).encode()}
    answer = actor.call("POST", offline("upload_calls", counter), files=files)

    assert answer.status_code == status
    assert control(actor.sandbox, "ledger") == {"ledger": []}


def test_conversion_needs_the_identifier_of_a_goal(actor: Actor) -> None:
    content = f"ClientId,Target,DateTime\n17,{{}},{moment()}\n"

    taken = actor.upload(content.format("calltracking_call_order"), path="upload")
    refused = [
        actor.upload(content.format(target), path="upload")
        for target in ("Звонок коллтрекинга", "Calltracking_call_order", "/cart")
    ]

    assert taken.json()["uploading"]["type"] == "BASIC"
    assert [errors(answer) for answer in refused] == ["invalid_uploading"] * 3
    assert [row["Target"] for row in held(actor, "goal")] == ["calltracking_call_order"]
    assert held(actor) == []


def test_thresholds_are_switched(actor: Actor) -> None:
    on = actor.call("POST", offline("calls_extended_threshold")).json()
    date = actor.get(offline("calls_visit_join_threshold"))["date"]
    off = actor.call("DELETE", offline("calls_extended_threshold")).json()

    assert on == off == {"success": True}
    assert date.endswith("+03:00")
