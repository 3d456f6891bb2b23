"""The page of a source's mapping: what came, what it becomes, what is saved."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent, CallSource
from calls.models import Call, Delivery, Intake, SourceMapping
from counters.models import Counter
from tests import factories
from tests.paths import PAYLOADS

pytestmark = [pytest.mark.django_db]
FILES = PAYLOADS / "reports" / "files"
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
OWN = {"when": "27.11.2026 20:14:54", "who": "8 (916) 000-00-01", "sec": "65"}
CHOSEN = {
    "chosen": "1",
    "version": "0",
    "field-callTime": "when",
    "field-clientNumber": "who",
    "field-duration": "sec",
}


@pytest.fixture(autouse=True)
def travelled() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def url(source: CallSource, name: str = "source-mapping") -> str:
    return reverse(f"calls:{name}", args=[source.pk])


def page(client: Client, source: CallSource, data: Any = None) -> str:
    preview = url(source, "source-mapping-preview")
    answer = client.post(preview, data) if data else client.get(url(source))
    assert answer.status_code == 200
    return answer.content.decode()


def test_first_callback_webhook_is_mapped_by_itself(
    owner_client: Client, source: CallSource
) -> None:
    body = json.loads((FILES / "callback-webhook.json").read_text(encoding="utf-8"))
    factories.make_received(source=source, record=body)

    html = page(owner_client, source)

    assert '<option value="phone2" selected>phone2 — 79160000001</option>' in html
    assert html.count("угадано") == 12
    assert "CallKeeper: вебхук обратного звонка" in html
    assert "+7 916 000-00-01" in html
    assert "27 ноября 2026, 20:14:54" in html
    assert "успешный, коды двух сторон звонка: 200 и 200" in html.lower()


def test_unmapped_request_says_why_it_is_refused_and_a_choice_what_it_becomes(
    owner_client: Client, source: CallSource
) -> None:
    factories.make_received(source=source, record=OWN, accepted=0, code="missing_field")

    refused, chosen = page(owner_client, source), page(owner_client, source, CHOSEN)

    assert "Запись будет отклонена. Нет времени начала звонка." in refused
    assert "missing_field" in refused
    assert "27 ноября 2026, 20:14:54" in chosen
    assert "угадано" not in chosen
    assert SourceMapping.objects.count() == 0


def test_ready_mapping_can_be_chosen(owner_client: Client, source: CallSource) -> None:
    item = {"call_start": "2026-11-27 20:14:54", "caller_id": "79160000001", "x": "1"}
    factories.make_received(source=source, record=item)

    html = owner_client.get(url(source), {"ready": "zadarma"}).content.decode()

    assert '<option value="caller_id" selected>' in html
    assert 'href="https://zadarma.com/en/support/api/"' in html


def test_mapping_is_saved_and_says_what_can_be_read_again(
    owner_client: Client, source: CallSource
) -> None:
    answer = owner_client.post(url(source, "source-mapping-save"), CHOSEN, follow=True)

    assert "Соответствие сохранено" in answer.content.decode()
    stored = SourceMapping.objects.get()
    assert stored.fields == {"callTime": "when", "clientNumber": "who", "duration": "sec"}
    assert (stored.source, stored.version) == (source, 1)
    assert AuditEvent.objects.get(action="source.mapping_saved").object_id == str(source.pk)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"field-callTime": ""}, "выберите, откуда брать: Начало звонка."),
        ({"field-clientNumber": ""}, "выберите, откуда брать: Номер клиента."),
        ({"version": "7"}, "его уже изменил другой человек"),
        ({"version": "odd"}, "его уже изменил другой человек"),
    ],
)
def test_refused_mapping_is_not_saved(
    owner_client: Client, source: CallSource, changes: dict[str, str], sentence: str
) -> None:
    data = CHOSEN | changes

    answer = owner_client.post(url(source, "source-mapping-save"), data, follow=True)

    assert sentence in answer.content.decode()
    assert SourceMapping.objects.count() == 0
    assert not AuditEvent.objects.filter(action="source.mapping_saved").exists()


def test_viewer_sees_masked_values_and_changes_nothing(
    viewer_client: Client, source: CallSource
) -> None:
    body = json.loads((FILES / "callback-webhook.json").read_text(encoding="utf-8"))
    factories.make_received(source=source, record=body)

    html = page(viewer_client, source)
    answer = viewer_client.post(url(source, "source-mapping-save"), CHOSEN)

    assert "9160000001" not in html
    assert "+7 916" not in html
    assert "1718031415926535897" not in html
    assert "+7 *** ***-00-01" in html
    assert "Сохранить соответствие" not in html
    assert (answer.status_code, SourceMapping.objects.count()) == (403, 0)


def test_preview_says_what_is_decided_for_each_counter_and_stores_nothing(
    owner_client: Client, source: CallSource, counter: Counter
) -> None:
    factories.make_received(source=source, record=OWN)

    html = page(owner_client, source, CHOSEN)

    assert "Что будет решено" in html
    assert html.count(f'<th scope="row">{counter.name}</th>') >= 1
    assert (Call.objects.count(), Delivery.objects.count(), Intake.objects.count()) == (0, 0, 0)


def test_preview_is_of_the_newest_request_that_the_mapping_fits(
    owner_client: Client, source: CallSource
) -> None:
    """The newest one is read by a ready mapping, so it says nothing about the chosen one."""
    callback = json.loads((FILES / "callback-webhook.json").read_text(encoding="utf-8"))
    factories.make_received(source=source, record=OWN, accepted=0, code="missing_field")
    factories.make_received(source=source, record=callback)

    html = page(owner_client, source, CHOSEN)

    assert "27 ноября 2026, 20:14:54" in html
    assert "1:05" in html
    assert "Запись будет отклонена" not in html


def test_source_without_requests_says_what_to_do(owner_client: Client, source: CallSource) -> None:
    assert "Запросов ещё не было" in page(owner_client, source)
