"""Identifiers of the visitor: what is read, what is unreadable, what is absent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.ingest.parsing.parsed import read

ID = "1718031415926535897"
OTHER = "1718031415926535898"


@pytest.mark.parametrize(
    "came",
    [
        ID,
        int(ID),
        f'"{ID}"',
        f"'{ID}'",
        f"«{ID}»",
        f"'{ID}",
        f'="{ID}"',
        f'\\"{ID}\\"',
        f" {ID}\t\r\n",
        f"\u00a0{ID}\u00a0",
        f"\ufeff{ID}",
        "1718031\u200b415926535897\u200e",
        "1 718 031 415 926 535 897",
        "1\u00a0718\u00a0031\u00a0415\u00a0926\u00a0535\u00a0897",
        f"_ym_uid={ID}",
        f"_ym_uid={ID}; _ym_d=1718031415; _ga=GA1.2.3",
        f"ym_uid:{ID}",
        f'"_ym_uid": "{ID}"',
        f"ClientID: {ID}",
        f"{ID}.0",
        f"{ID},00",
        f"{ID},{ID}",
        f"{ID}; {ID}",
        f"{ID} {ID}",
        f"{ID}, undefined",
        f"{ID}|{ID}.0",
        f"{ID};_ym_d=17",
        f"{{a}} {ID} {{b}}",
        f"client_id={ID}&x=1",
        f"&quot;{ID}&quot;",
        f"%22{ID}%22",
        [ID, ID],
        [int(ID), ID, ""],
    ],
)
def test_unambiguous_client_id_is_read(came: Any) -> None:
    call = read(serviceType="calltracking", yaClid=came)

    assert (call.client_id, call.unreadable_identifiers) == (ID, None)
    assert call.kind == "dynamic"


@pytest.mark.parametrize(
    ("came", "shown"),
    [
        ("1.7E+18", "1.7E+18"),
        ("1,71803E+18", "1,71803E+18"),
        ("1.71803e18", "1.71803e18"),
        (1.718031415926536e18, "1.718031415926536e+18"),
        ("1718031415926536000.0", "1718031415926536000.0"),
        ("1718031415926535936.0", "1718031415926535936.0"),
        (12.5, "12.5"),
        (f"{ID},{OTHER}", f"{ID},{OTHER}"),
        (f"{ID} {OTHER}", f"{ID} {OTHER}"),
        ([ID, OTHER], f'["{ID}", "{OTHER}"]'),
        (f"yclid={ID}", f"yclid={ID}"),
        ("GA1.2.171803.1415", "GA1.2.171803.1415"),
        ("18446744073709551616", "18446744073709551616"),
        ("-5", "-5"),
        ("١٢٣٤٥٦٧٨٩٠", "١٢٣٤٥٦٧٨٩٠"),
        ("12,34", "12,34"),
        ("nobody", "nobody"),
        (f'{{"id": "{ID}"}}', f'{{"id": "{ID}"}}'),
        (f"{{{ID}}}", f"{{{ID}}}"),
        ("[object Object]", "[object Object]"),
        ({"id": ID}, f'{{"id": "{ID}"}}'),
        (True, "true"),
        ("x" * 5000, "x" * 100),
    ],
)
def test_ambiguous_client_id_is_kept_as_unreadable(came: Any, shown: str) -> None:
    call = read(serviceType="calltracking", yaClid=came)

    assert (call.client_id, call.unreadable_identifiers) == ("", {"ClientId": shown})
    assert call.kind == "dynamic"


@pytest.mark.parametrize(
    "came",
    [
        *("", " ", "\u200b", "-", "—", "0", "0.0", "00", "undefined", "null", "None", "NaN"),
        *("{}", "{$clid}", "{%clid%}", "{{ visitor.client-id|default }}"),
        *("{yaClid}", "{{client_id}}", "%7ByaClid%7D", "${clid}", "%CLIENT_ID%", "[[id]]"),
        *("_ym_uid=", "_ym_uid=undefined", '""', "<clientid>", "(not set)"),
        *(None, 0, False, 0.0, [], {}, [""], [None, 0]),
    ],
)
def test_placeholder_is_an_absent_identifier(came: Any) -> None:
    call = read(serviceType="calltracking", yaClid=came)

    assert (call.client_id, call.unreadable_identifiers) == ("", None)
    assert call.kind == "unknown"


def test_each_identifier_is_unreadable_by_itself() -> None:
    call = read(
        serviceType="calltracking", yaClid="1,7E+18", yclid="1.45E18", userId="a\tb", user_id="null"
    )

    assert (call.client_id, call.yclid, call.user_id) == ("", "", "")
    assert call.unreadable_identifiers == {
        "ClientId": "1,7E+18",
        "Yclid": "1.45E18",
        "UserId": "a b",
    }


@pytest.mark.parametrize(
    ("fields", "identifiers", "unreadable"),
    [
        ({"yaClid": ID, "ya_clientid": OTHER}, ("", "", ""), {"ClientId": f"{ID}, {OTHER}"}),
        ({"yaClid": ID, "ya_clientid": f"_ym_uid={ID}"}, (ID, "", ""), None),
        ({"yaClid": "1,7E+18", "ya_clientid": ID}, (ID, "", ""), None),
        ({"yaClid": ID, "ya_clientid": "1,7E+18"}, (ID, "", ""), None),
        ({"yaClid": "1,7E+18", "ya_clientid": "abc"}, ("", "", ""), {"ClientId": "1,7E+18"}),
        ({"yclid": "1.45E18", "entryPointQuery": f"/?yclid={ID}"}, ("", ID, ""), None),
        ({"yclid": ID, "callPage": "/?yclid=1.45E18"}, ("", ID, ""), None),
        ({"yclid": ID, "callPage": f"/?yclid={OTHER}"}, ("",) * 3, {"Yclid": f"{ID}, {OTHER}"}),
        ({"userId": "u1", "user_id": "u2"}, ("", "", ""), {"UserId": "u1, u2"}),
        ({"userId": "a\tb", "user_id": "u1"}, ("", "", "u1"), None),
    ],
)
def test_fields_of_one_identifier_agree_or_are_unreadable(
    fields: dict[str, Any], identifiers: tuple[str, ...], unreadable: dict[str, str] | None
) -> None:
    call = read(**fields)

    assert (call.client_id, call.yclid, call.user_id) == identifiers
    assert call.unreadable_identifiers == unreadable


@pytest.mark.parametrize(
    ("came", "value"),
    [(" u-1 ", "u-1"), ("\ufeffu", "u"), (5, "5"), ("0", ""), ("{userId}", ""), ("null", "")],
)
def test_user_id_is_any_text_of_one_line(came: Any, value: str) -> None:
    call = read(userId=came)

    assert (call.user_id, call.unreadable_identifiers) == (value, None)


@pytest.mark.parametrize("came", ["a\nb", "u" * 256, 1.5, True, {"a": 1}, ["a", "b"]])
def test_user_id_of_another_shape_is_unreadable(came: Any) -> None:
    call = read(userId=came)

    assert call.user_id == ""
    assert call.unreadable_identifiers is not None
    assert list(call.unreadable_identifiers) == ["UserId"]


def test_long_list_is_no_identifier() -> None:
    call = read(yaClid=[ID] * 51)

    assert (call.client_id, list(call.unreadable_identifiers or {})) == ("", ["ClientId"])
    assert read(yaClid=[ID] * 50).client_id == ID
