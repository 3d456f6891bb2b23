"""The external id of a call: CallKeeper's own, else a hash of what never changes."""

from __future__ import annotations

from typing import Any

import pytest

from calls.ingest.parsing.record import CallRecord, read_record
from tests.calls.ingest.parsing.parsed import NOW, read, refuse

FACTS: dict[str, Any] = {
    "universalId": "",
    "clientNumber": "79161234567",
    "managerNumber": "74950000000",
    "duration": 60,
}


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        ("23423423434434234", "23423423434434234"),
        (23423423434434234, "23423423434434234"),
        (77.0, "77"),
        (" 42 ", "42"),
        ("a" * 128, "a" * 128),
        ("4\x002", "42"),
    ],
)
def test_universal_id_is_kept_as_text(given_id: Any, kept: str) -> None:
    call = read(universalId=given_id, ctCallId=559)

    assert (call.external_id, call.aliases[0]) == (kept, "calltracking-559")


@pytest.mark.parametrize("given_id", ["a" * 129, 1.5, 2.0**53, True, False, [1], {"id": 1}])
def test_unusable_universal_id_is_refused(given_id: Any) -> None:
    problem = refuse({"universalId": given_id, "callTime": 1_795_418_400, "ctCallId": 559})

    assert (problem.code, problem.field) == ("bad_universal_id", "universalId")


@pytest.mark.parametrize(
    ("fields", "external_id"),
    [
        ({"serviceType": "calltracking", "ctCallId": 559}, "calltracking-559"),
        ({"serviceType": "calltracking", "ctCallId": "559"}, "calltracking-559"),
        ({"ctCallId": 559}, "calltracking-559"),
        ({"serviceType": "callback", "cbCallId": 990077}, "callback-990077"),
        ({"cbCallId": 990077.0}, "callback-990077"),
        ({"ctCallId": 559, "cbCallId": 990077}, "calltracking-559"),
        ({"serviceType": "callback", "ctCallId": 559, "cbCallId": 5}, "callback-5"),
        ({"serviceType": "callback", "ctCallId": 559, "cbCallId": 0}, "calltracking-559"),
        ({"serviceType": "import", "ctCallId": 559}, "calltracking-559"),
        ({"callType": "Динамический коллтрекинг", "callId": 1337486}, "call-1337486"),
        ({"routePhone": "74950000001", "callId": 1337486}, "call-1337486"),
        ({"hook_event": "Call is over", "id": 990077}, "call-990077"),
        ({"widget_hash": "a", "ctCallId": 559, "cbCallId": 5}, "calltracking-559"),
        ({"id": 990077}, "call-990077"),
        ({"callId": "1337486"}, "call-1337486"),
        ({"serviceType": "Callback", "id": "990077"}, "callback-990077"),
        ({"serviceType": "import", "id": "7"}, "import-7"),
        ({"serviceType": "calltracking", "ctCallId": "z" * 64}, "calltracking-" + "z" * 64),
    ],
)
def test_id_of_a_service_names_the_call(fields: dict[str, Any], external_id: str) -> None:
    call = read(universalId="", **fields)

    assert call.external_id == external_id
    assert call.aliases[-1].startswith("auto-")


@pytest.mark.parametrize(
    "fields",
    [
        {"id": 0},
        {"serviceType": "calltracking", "ctCallId": 0},
        {"serviceType": "calltracking", "ctCallId": "-"},
        {"serviceType": "calltracking", "ctCallId": 1.5},
        {"serviceType": "calltracking", "ctCallId": 2.0**53},
        {"serviceType": "calltracking", "ctCallId": [559]},
        {"serviceType": "calltracking", "ctCallId": "z" * 65},
    ],
)
def test_id_that_names_nothing_is_left_out(fields: dict[str, Any]) -> None:
    assert read(**FACTS, **fields).external_id == read(**FACTS).external_id


@pytest.mark.contract("A4")
@pytest.mark.parametrize("absent", [None, "", "-", 0, "0", 0.0, []])
def test_call_without_id_gets_the_same_id_each_time(absent: Any) -> None:
    first = read(**FACTS | {"universalId": absent})

    assert first.external_id == "auto-" + first.external_id[5:]
    assert len(first.external_id) == 37
    assert first.external_id == read(**FACTS).external_id


@pytest.mark.parametrize(
    "change",
    [
        {"duration": 61},
        {"managerNumber": "74950000001"},
        {"routePhone": "74950000002"},
        {"tags": ["новый"]},
        {"status": "fail", "statusFirst": 480},
        {"clientNumber": "+7 (916) 123-45-67"},
        {"clientNumber": "89161234567"},
        {"clientNumber": "9161234567"},
    ],
)
def test_derived_id_stays_when_the_call_changes(change: dict[str, Any]) -> None:
    assert read(**FACTS | change).external_id == read(**FACTS).external_id


@pytest.mark.parametrize(
    "other", [{"callTime": 1_795_418_401}, {"clientNumber": "79161234568"}, {"clientNumber": ""}]
)
def test_derived_id_differs_with_start_and_client(other: dict[str, Any]) -> None:
    assert read(**FACTS | other).external_id != read(**FACTS).external_id


@pytest.mark.parametrize("number", ["", "000", "anonymous"])
@pytest.mark.parametrize(
    "other",
    [
        {"yaClid": "12"},
        {"yclid": "13"},
        {"userId": "u2"},
        {"routePhone": "74950000002"},
        {"calltracking_number": "74950000002"},
        {"managerNumber": "74950000002"},
    ],
)
def test_derived_id_without_a_number_differs_with_visitor_and_line(
    number: str, other: dict[str, Any]
) -> None:
    facts: dict[str, Any] = {"universalId": "", "clientNumber": number}

    assert read(**facts | other).external_id != read(**facts).external_id


def test_derived_id_without_a_number_stays_for_the_same_visitor() -> None:
    facts: dict[str, Any] = {"universalId": "", "clientNumber": "", "yaClid": "12"}
    changes: list[dict[str, Any]] = [{"routePhone": "74950000002"}, {"duration": 5}]

    ids = {read(**facts | change).external_id for change in ({}, *changes)}

    assert len(ids) == 1


def test_ids_of_a_call_from_the_strongest_to_the_weakest() -> None:
    number = read(**FACTS)

    call = read(**FACTS | {"universalId": "U1", "ctCallId": 77, "callId": 559})

    assert (call.external_id, *call.aliases) == (
        *("U1", "calltracking-77", "call-559"),
        *(number.external_id, *number.aliases),
    )


def test_derived_id_differs_between_sources() -> None:
    item = {"callTime": 1_795_418_400, "clientNumber": "79161234567"}

    one = read_record(item, source_id="src_1", zone=None, now=NOW)
    two = read_record(item, source_id="src_2", zone=None, now=NOW)

    assert isinstance(one, CallRecord)
    assert isinstance(two, CallRecord)
    assert one.external_id != two.external_id


def test_former_id_is_the_one_of_earlier_versions() -> None:
    """The values were computed by version 0.1.0."""
    assert read(**FACTS).aliases[-1] == "auto-958d72abe17927933a9192d1d4699ecc"
    assert read(universalId="", ctCallId=559).aliases[-1] == "auto-c9516c351f4ced8be5693d39eeaae47a"


def test_duration_that_earlier_versions_refused_has_no_former_id() -> None:
    facts = {**FACTS, "duration": "1:00"}

    assert read(**facts).external_id == read(**FACTS).external_id
    assert read(**facts).aliases == ()


def test_refused_record_is_named_by_the_id_of_its_service() -> None:
    assert refuse({"ctCallId": 559, "callTime": "вчера"}).external_id == "calltracking-559"


@pytest.mark.parametrize("came", ["1,23E+17", "1.23e17", "1E+17", "1,23Е+17"])
def test_exponent_is_no_universal_id(came: str) -> None:
    problem = refuse({"universalId": came, "callTime": 1_795_418_400, "ctCallId": "5"})

    assert (problem.code, problem.field) == ("bad_universal_id", "universalId")
    assert problem.message == (
        f"Пришло «{came}» — число с порядком (экспонентой): его цифры потеряны. "
        "Нужен текст или целое число до 128 знаков."
    )


def test_hash_that_looks_like_an_exponent_is_an_id() -> None:
    assert read(universalId="12345678e901").external_id == "12345678e901"


@pytest.mark.parametrize("name", ["ctCallId", "cbCallId", "callId", "id"])
def test_exponent_is_no_id_of_a_service(name: str) -> None:
    fields: dict[str, Any] = {
        "universalId": "",
        "serviceType": "calltracking",
        "clientNumber": "79161234567",
    }

    assert read(**fields | {name: "1,23E+17"}).external_id == read(**fields).external_id
