"""Access to the pages of calls, masked phones, escaping."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

#: The phone in any format. A bare «916» or «1234» would also match microseconds.
UNMASKED = re.compile(r"916\D{0,3}123")
PART_OF_PHONE = re.compile(r"9161231234|-12-34")


def test_urls_are_as_published() -> None:
    assert reverse("calls:history", args=[7]) == "/lk/integrations/yandex/counters/7/history"
    assert reverse("calls:journey", args=[7]) == "/lk/integrations/calls/7"
    assert reverse("calls:upload", args=[7]) == "/lk/integrations/yandex/uploads/7"
    assert reverse("calls:upload-csv", args=[7]) == "/lk/integrations/yandex/uploads/7/csv"


@pytest.mark.parametrize("page", ["history", "journey", "upload", "upload-csv"])
def test_pages_of_another_cabinet_are_not_found(
    stranger_client: Client, urls: dict[str, str], page: str
) -> None:
    answer = stranger_client.get(urls[page])

    assert answer.status_code == 404
    assert not PART_OF_PHONE.search(answer.content.decode())
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("page", ["history", "journey", "upload", "upload-csv"])
def test_pages_need_a_sign_in(client: Client, urls: dict[str, str], page: str) -> None:
    answer = client.get(urls[page])

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("page", ["history", "journey", "upload", "upload-csv"])
def test_pages_refuse_post(owner_client: Client, urls: dict[str, str], page: str) -> None:
    assert owner_client.post(urls[page]).status_code == 405


@pytest.mark.parametrize("page", ["history", "journey"])
def test_viewer_sees_phones_masked(
    viewer_client: Client, owner_client: Client, urls: dict[str, str], page: str
) -> None:
    for_viewer = viewer_client.get(urls[page]).content.decode()
    for_owner = owner_client.get(urls[page]).content.decode()

    assert not UNMASKED.search(for_viewer)
    assert "+7 *** ***-12-34" in for_viewer
    assert UNMASKED.search(for_owner)
    assert "+7 916 123-12-34" in for_owner
    assert "***-12-34" not in for_owner


def test_viewer_sees_phones_in_urls_and_user_ids_masked(
    viewer_client: Client, owner_client: Client, counter: Counter
) -> None:
    page_url = "https://okna.example/balkon?tel=%2B79161231234"
    call = make_call(cabinet=counter.cabinet, user_id="79161231234", page_url=page_url)
    body = b"UserId,URL\n79161231234,https://okna.example/balkon?tel=%2B79161231234\n"
    upload = make_upload(counter=counter, body=body)
    make_delivery(call=call, counter=counter, upload=upload)
    address = reverse("calls:journey", args=[call.pk])

    for_viewer = viewer_client.get(address).content.decode()

    assert "9161231234" not in for_viewer
    assert for_viewer.count("https://okna.example/balkon?***") == 2
    assert owner_client.get(address).content.decode().count("9161231234") == 4


def test_call_without_deliveries_has_a_page(owner_client: Client, counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet)

    answer = owner_client.get(reverse("calls:journey", args=[call.pk]))

    assert answer.status_code == 200
    assert answer.context["timelines"] == []


@pytest.mark.parametrize("page", ["history", "journey", "upload"])
def test_pages_have_no_inline_script_or_style(
    owner_client: Client, urls: dict[str, str], page: str
) -> None:
    text = owner_client.get(urls[page]).content.decode()

    assert "<style" not in text
    assert " style=" not in text
    assert "onclick=" not in text


def test_external_values_are_escaped(owner_client: Client, counter: Counter) -> None:
    evil = "<script>alert(1)</script>"
    call = make_call(cabinet=counter.cabinet, campaign_name=evil, tags=[evil])
    upload = make_upload(counter=counter, body=f"Tag\n{evil}\n".encode())
    make_delivery(call=call, counter=counter, upload=upload)

    for url in (
        reverse("calls:journey", args=[call.pk]),
        reverse("calls:upload", args=[upload.pk]),
    ):
        assert evil not in owner_client.get(url).content.decode()


def test_same_external_id_in_two_cabinets_is_kept_apart(
    owner_client: Client, stranger_client: Client, counter: Counter
) -> None:
    other = factories.make_cabinet(name="Третий")
    mine = make_call(cabinet=counter.cabinet, external_id="777")
    foreign = make_call(cabinet=other, external_id="777")
    make_delivery(call=mine, counter=counter)
    url = reverse("calls:history", args=[counter.pk])

    rows = owner_client.get(url, {"q": "777"}).context["rows"]

    assert [row["url"] for row in rows] == [reverse("calls:journey", args=[mine.pk])]
    assert owner_client.get(reverse("calls:journey", args=[foreign.pk])).status_code == 404
