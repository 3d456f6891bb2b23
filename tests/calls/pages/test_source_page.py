"""The page of a source of webhooks: its addresses, the last requests and the counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent, Cabinet, CallSource, SecretAddress
from calls.models import ReceivedRequest
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime.fromisoformat("2026-11-29T12:00:00+03:00")
RECORD = {
    "universalId": "p-1",
    "clientNumber": "79160000042",
    "callTime": "2026-11-29 11:30:00",
    "duration": 65,
    "who": "Иван i.ivanov@okna.example",
}


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def hooks(cabinet: Cabinet) -> tuple[CallSource, str]:
    return factories.make_hooks(cabinet=cabinet)


def page_of(source: CallSource) -> str:
    return reverse("calls:source", args=[source.pk])


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def post(path: str, record: Any) -> None:
    Client().post(path, json.dumps(record), content_type="application/json")


def test_address_is_shown_to_those_who_manage_only(
    hooks: tuple[CallSource, str], owner_client: Client, viewer_client: Client
) -> None:
    source, path = hooks

    assert settings.PUBLIC_URL + path in text_of(owner_client, page_of(source))
    seen = text_of(viewer_client, page_of(source))
    assert path not in seen
    assert "Адрес видят владелец и управляющие" in seen


def test_address_is_changed_without_a_gap(
    hooks: tuple[CallSource, str], owner_client: Client
) -> None:
    source, path = hooks
    rotate = reverse("calls:source-address-rotate", args=[source.pk])
    old = SecretAddress.objects.get()
    retire = reverse("calls:source-address-retire", args=[source.pk, old.pk])
    assert owner_client.get(retire).status_code == 404  # the only one stays

    assert owner_client.post(rotate).headers["Location"] == page_of(source)
    assert owner_client.post(rotate).status_code == 409
    assert "Отозвать старый адрес" in text_of(owner_client, page_of(source))
    assert "начнут получать отказ 404" in text_of(owner_client, retire)
    assert owner_client.post(retire).status_code == 302
    assert owner_client.post(retire).status_code == 302

    assert SecretAddress.objects.filter(source=source).exclude(pk=old.pk).count() == 1
    assert not SecretAddress.objects.filter(pk=old.pk).exists()
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["source.address_added", "source.address_retired"]
    assert Client().get(path).status_code == 404


def test_last_requests_are_masked_for_viewers(
    hooks: tuple[CallSource, str], owner_client: Client, viewer_client: Client
) -> None:
    source, path = hooks
    post(path, RECORD)

    assert "79160000042" in text_of(owner_client, page_of(source))
    seen = text_of(viewer_client, page_of(source))
    assert "79160000042" not in seen
    assert "i.ivanov" not in seen
    assert "***0042" in seen
    assert "принят" in seen


def test_panel_of_requests_is_sent_again_only_for_a_newer_one(
    hooks: tuple[CallSource, str], owner_client: Client, stranger_client: Client
) -> None:
    source, path = hooks
    post(path, RECORD)
    newest = ReceivedRequest.objects.get().pk
    url = f"{page_of(source)}?part=received&last={newest}"

    assert owner_client.get(url).status_code == 204
    post(path, RECORD | {"callTime": "вчера"})
    text = text_of(owner_client, url)

    assert text.lstrip().startswith("<section")
    assert "запись отклонена: время начала не читается" in text
    assert stranger_client.get(url).status_code == 404


def test_counts_of_a_way_add_up(hooks: tuple[CallSource, str], owner_client: Client) -> None:
    source, path = hooks
    assert "Что пришло" not in text_of(owner_client, page_of(source))
    for record in (RECORD, RECORD, RECORD | {"duration": 70}, {}):
        post(path, record)

    answer = owner_client.get(page_of(source))

    (panel,) = [one for one in answer.context["panels"] if "periods" in one]
    for period in panel["periods"]:
        ((way, counts),) = period.rows
        assert way == "Вебхук"
        amounts = (counts.created, counts.updated, counts.duplicate, counts.rejected)
        assert (amounts, counts.received) == ((1, 1, 1, 1), 4)


def test_source_of_another_way_has_no_address_and_no_panel_of_requests(
    source: CallSource, owner_client: Client
) -> None:
    text = text_of(owner_client, page_of(source))

    assert "Адрес для вебхуков" not in text
    assert owner_client.get(f"{page_of(source)}?part=received").status_code == 404
    rotate = reverse("calls:source-address-rotate", args=[source.pk])
    assert owner_client.post(rotate).status_code == 404
