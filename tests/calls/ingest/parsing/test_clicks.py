"""The click id is read from every place of an address that can carry it."""

from __future__ import annotations

from typing import Any

import pytest

from calls.ingest.parsing.identifiers import Identifier, read_number
from tests.calls.ingest.parsing.parsed import read
from tests.calls.ingest.parsing.reports import BASE, REPORTS

CLICK = "1450000000000000002"
SITE = "https://okna-stolica.example/"


@pytest.mark.parametrize("field", ["entryPointQuery", "callPage", "entryPoint", "cpg"])
@pytest.mark.parametrize(("address", "click"), REPORTS["clicks"].items())
def test_click_of_the_reports(field: str, address: str, click: str) -> None:
    assert read(**(BASE | {"yaClid": "", "callPage": "", field: address})).yclid == click


@pytest.mark.parametrize(
    "address",
    [
        f"{SITE}?a=1&amp;amp;yclid={CLICK}",
        f"{SITE}?a=1&#x26;yclid={CLICK}",
        f"{SITE}?a=1&#38;yclid={CLICK}&b=2",
        f"{SITE}?a=1;yclid={CLICK}",
        f"{SITE}?YCLID={CLICK}",
        f"{SITE}?yclid=%31450000000000000002",
        f'{SITE}?yclid="{CLICK}"',
        f"{SITE}?yclid={CLICK}/",
        f"{SITE}?yclid={CLICK}#top",
        f"{SITE}#yclid={CLICK}",
        f"{SITE}#!yclid={CLICK}",
        f"{SITE}?a=1\\u0026yclid={CLICK}",
        f"?yclid={CLICK}",
        f"yclid={CLICK}",
        f"{SITE}?a=%&yclid={CLICK}",
        f"https://[::1/?yclid={CLICK}",
        "https%3A%2F%2Fokna-stolica.example%2F%3Fa%3D1%26yclid%3D" + CLICK,
        f"{SITE}?yclid=%7Byclid%7D&yclid={CLICK}",
        f"{SITE}?a=1&#x26;yclid&#x3D;{CLICK}",
        f"{SITE}?a=1%26yclid%3D{CLICK}%26b%3D2",
        f"{SITE}?yclid={CLICK}%26b=2",
        f"{SITE}?yclid=%20{CLICK}+",
        f"{SITE}?yclid={CLICK}&yclid={CLICK}",
        f"https://go.example/?url=https%3A%2F%2Fokna-stolica.example%2F%3Fyclid%3D{CLICK}%26a%3D1",
        f"https://go.example/?url=%3Fyclid%3D5&yclid={CLICK}",
        f"https%253A%252F%252Fokna-stolica.example%252F%253Fyclid%253D{CLICK}",
        f"{SITE}?" + "&".join(f"p{number}=1" for number in range(300)) + f"&yclid={CLICK}",
    ],
)
def test_click_is_read(address: str) -> None:
    assert read(entryPointQuery=address).yclid == CLICK


@pytest.mark.parametrize(
    "address",
    [
        f"{SITE}?yclid=%7Byclid%7D",
        f"{SITE}?yclid=",
        f"{SITE}?yclid=0",
        f"{SITE}?yclid=1.45E+18",
        f"{SITE}?yclid=18446744073709551616",
        f"{SITE}?myyclid={CLICK}",
        f"{SITE}?yclid2={CLICK}",
        f"{SITE}?my_yclid={CLICK}",
        f"{SITE}?x-yclid={CLICK}",
        f"{SITE}yclid/{CLICK}",
    ],
)
def test_what_is_no_click_is_not_read(address: str) -> None:
    assert read(entryPointQuery=address).yclid == ""


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"{SITE}?yclid=1.45E+18", {"Yclid": "1.45E+18"}),
        (f"{SITE}?yclid=1,45E+18", {"Yclid": "1,45E+18"}),
        (f"{SITE}?yclid=18446744073709551616", {"Yclid": "18446744073709551616"}),
        (f"{SITE}?yclid={{yclid}}", None),
        (f"{SITE}?yclid=_openstat", {"Yclid": "_openstat"}),
        (f"{SITE}?yclid=abc", {"Yclid": "abc"}),
        (f"{SITE}?yclid=abc&a=1", {"Yclid": "abc"}),
        (f"{SITE}?yclid=undefined", None),
        (f"{SITE}?yclid=null&a=1", None),
        (f"{SITE}?yclid=%26utm_source%3Dx", None),
        (f"{SITE}?yclid={{{{ yclid }}}}", None),
        (f"{SITE}?yclid=%7B%7B%20yclid%20%7D%7D", None),
        (f"{SITE}?yclid=%25yclid%25", None),
        (f"{SITE}?yclid=[[yclid]]", None),
        (f"{SITE}?yclid=<yclid>", None),
        (f"{SITE}?yclid=1.45E+18&yclid={CLICK}", None),
    ],
)
def test_click_that_came_and_is_unreadable_is_kept(
    address: str, shown: dict[str, str] | None
) -> None:
    call = read(entryPointQuery=address)

    assert call.unreadable_identifiers == shown
    assert call.kind == ("dynamic" if shown or CLICK in address else "unknown")


def test_first_readable_address_gives_the_click() -> None:
    call = read(entryPointQuery=f"{SITE}?yclid={{yclid}}", callPage=f"{SITE}?yclid={CLICK}")

    assert call.yclid == CLICK


@pytest.mark.parametrize(
    ("fields", "yclid", "unreadable"),
    [
        ({"entryPointQuery": "?yclid=1&yclid=2"}, "", {"Yclid": "1, 2"}),
        ({"entryPointQuery": "?yclid=1&yclid=2", "callPage": "?yclid=2"}, "2", None),
        ({"entryPointQuery": "?yclid=1", "callPage": "?yclid=2"}, "", {"Yclid": "1, 2"}),
        ({"entryPointQuery": "?yclid=2", "callPage": "?yclid=2"}, "2", None),
        ({"entryPointQuery": "?yclid=abc", "callPage": "?yclid=2"}, "2", None),
        ({"yclid": "1", "callPage": "?yclid=2"}, "", {"Yclid": "1, 2"}),
        ({"yclid": "1", "callPage": "?yclid=1"}, "1", None),
        ({"yclid": "abc"}, "", {"Yclid": "abc"}),
        ({"yclid": "1", "callPage": "?yclid=1&yclid=2"}, "1", None),
    ],
)
def test_of_two_clicks_none_is_guessed(
    fields: dict[str, Any], yclid: str, unreadable: dict[str, str] | None
) -> None:
    call = read(**fields)

    assert (call.yclid, call.unreadable_identifiers) == (yclid, unreadable)


def test_click_of_a_referrer_is_another_visit() -> None:
    assert read(referrer=f"https://other.example/?yclid={CLICK}").yclid == ""


@pytest.mark.parametrize("value", ["1", "1x", "%31", "{a}", ""])
def test_work_on_a_long_address_is_bounded(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    calls: list[Any] = []

    def counted(*arguments: Any) -> Identifier:
        calls.append(arguments)
        return read_number(*arguments)

    monkeypatch.setattr("calls.ingest.parsing.clicks.read_number", counted)
    same = f"yclid={value}&" * 10_000
    different = "".join(f"yclid={value}{number}&" for number in range(10_000))

    read(callPage=f"{SITE}?{same}", entryPoint=f"{SITE}?{different}")

    assert 0 < len(calls) < 200


def test_click_at_the_end_of_a_long_address_is_read() -> None:
    before = f"{SITE}?" + "&".join(f"utm_{number}=abc" for number in range(1_200))

    assert len(before) > 14_000
    assert read(callPage=f"{before}&yclid={CLICK}").yclid == CLICK


@pytest.mark.parametrize("cut", range(1, 26))
def test_click_that_is_cut_with_its_address_is_not_read(cut: int) -> None:
    end = f"&yclid={CLICK}"
    before = f"{SITE}?a=".ljust(16_384 - cut, "x")

    call = read(callPage=f"{before}{end}")

    assert (call.yclid, call.unreadable_identifiers) == ("", None)
