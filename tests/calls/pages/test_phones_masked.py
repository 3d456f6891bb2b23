"""A phone in any text field of a record is shown whole to nobody without the right."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from calls.models import Call, Delivery
from calls.pages.call_details import details_of
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

#: The same phone however it is written: in one group, in several, as a float of a spreadsheet.
WRITTEN = [
    "79161234567",
    "+7 (916) 123-45-67",
    "79161234567, 79161234567",
    "7916 123 45 67 7916 123 45 67",
    "7.9161234567E+10",
    "7,9161234567E+10",
    "1718031415926535897 79161234567",
]
WHOLE = re.compile(r"9\D{0,3}1\D{0,3}6\D{0,3}1\D{0,3}2\D{0,3}3\D{0,3}4\D{0,3}5\D{0,3}6\D{0,3}7")
COLUMNS = ("ClientId", "Yclid", "UserId", "PhoneNumber", "Tag", "URL")


def call_with(text: str, counter: Counter) -> Call:
    """Return a call whose record has the text in every field that is a text."""
    return make_call(
        cabinet=counter.cabinet,
        phone="",
        phone_text=text[:64],
        site=text,
        site_host="79161234567.example",
        campaign_id=text[:64],
        campaign_name=text,
        client_id=text[:32],
        yclid=text[:32],
        user_id=text,
        page_url=f"https://okna.example/?tel={text}",
        tags=[text, "Целевой"],
        unreadable_identifiers={"ClientId": text, "Yclid": text, "UserId": text},
        raw={"site": text, "comment": text},
        conflict_at="2026-11-20T10:00:00Z",
        conflict={
            "started_at": "2026-11-20T10:00:00+00:00",
            "phone": "+79161234567",
            "phone_text": "",
        },
    )


def skip(call: Call, counter: Counter, reason: str, compared: list[Any]) -> Delivery:
    """Skip the call for this reason over a counter of its own."""
    return make_delivery(
        call=call,
        counter=factories.make_counter(account=counter.account, name=reason),
        state=DeliveryState.SKIPPED,
        reason=reason,
        compared=compared,
    )


def skip_for_every_text(call: Call, text: str, counter: Counter) -> list[Delivery]:
    hosts = [["okna.example"], 1, False]
    reasons: list[tuple[str, list[Any]]] = [
        ("site_unknown", ["site", text]),
        ("site", ["79161234567.example", *hosts]),
        ("campaign", [text, ["Окна"], 1]),
        ("identifier_unreadable", ["ClientId", text, True]),
    ]
    return [skip(call, counter, reason, compared) for reason, compared in reasons]


@pytest.mark.parametrize("text", WRITTEN)
def test_viewer_sees_no_whole_phone_on_any_page(
    viewer_client: Client, counter: Counter, text: str
) -> None:
    call = call_with(text, counter)
    rows = skip_for_every_text(call, text, counter)
    cells = ",".join(f'"{text}"' for _ in COLUMNS)
    upload = make_upload(counter=counter, body=f"{','.join(COLUMNS)}\n{cells}\n".encode())
    make_delivery(call=call, counter=counter, upload=upload)
    make_delivery(call=call, counter=counter, channel=Channel.GOAL)
    only = f"?only={rows[0].counter_id}.{rows[0].channel}"
    journey = reverse("calls:journey", args=[call.pk])

    pages = [journey, journey + only, reverse("calls:upload", args=[upload.pk])]
    pages += [reverse("calls:history", args=[row.counter_id]) for row in rows]
    answers = [viewer_client.get(page) for page in pages]

    assert [answer.status_code for answer in answers] == [200] * len(pages)
    assert [WHOLE.findall(answer.content.decode()) for answer in answers] == [[]] * len(pages)


@pytest.mark.parametrize("text", WRITTEN)
def test_staff_without_the_permission_sees_no_whole_phone(
    client: Client, counter: Counter, text: str
) -> None:
    call = call_with(text, counter)
    rows = skip_for_every_text(call, text, counter)
    viewer = factories.make_user(username="viewer", is_staff=True)
    viewer.user_permissions.set(
        Permission.objects.filter(codename__in=["view_call", "view_delivery"])
    )
    client.force_login(viewer)

    pages = [
        reverse("admin:calls_call_changelist"),
        reverse("admin:calls_call_change", args=[call.pk]),
        reverse("admin:calls_delivery_changelist"),
        *(reverse("admin:calls_delivery_change", args=[row.pk]) for row in rows),
    ]
    answers = [client.get(page) for page in pages]

    assert [answer.status_code for answer in answers] == [200] * len(pages)
    assert [WHOLE.findall(answer.content.decode()) for answer in answers] == [[]] * len(pages)
    assert "***-45-67" in answers[1].content.decode()


def test_owner_sees_the_texts_of_the_record_whole(owner_client: Client, counter: Counter) -> None:
    call = call_with("79161234567", counter)

    details = {one.label: one.value for one in details_of(call, sees_phones=True)}
    page = owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()

    for label in ("Сайт", "Кампания", "ClientID", "yclid", "UserID"):
        assert details[label] == "79161234567"
    assert details["Теги"] == "79161234567, Целевой"
    assert page.count("79161234567") >= 7
