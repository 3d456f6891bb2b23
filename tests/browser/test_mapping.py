"""The page «Соответствие полей» in a browser: from an unread webhook to a stored call."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
from django.utils import timezone
from playwright.sync_api import Page, expect

from cabinets.models import Cabinet
from calls.models import Call, SourceMapping
from tests import factories
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timezone.localdate() - timedelta(days=1)
OWN = {"client_no": "8 (916) 000-00-01", "when": f"{DAY:%d.%m.%Y} 20:14:54", "seconds": "65"}


def sent(address: str) -> str:
    """Send the webhook; return what became of its record."""
    answer = requests.post(address, data=OWN, timeout=10)
    status: str = answer.json()["results"][0]["status"]
    return status


def test_webhook_with_names_of_its_own_is_mapped_and_the_next_one_is_a_call(
    person: Person, page: Page, cabinet: Cabinet
) -> None:
    source, path = factories.make_hooks(cabinet=cabinet)
    address = f"{person.url}{path}"
    assert sent(address) == "rejected"

    page.goto(f"{person.url}/lk/integrations/sources/{source.pk}")
    page.get_by_role("link", name="Соответствие полей").click()
    preview = page.get_by_role("region", name="Что получится")
    expect(preview).to_contain_text("Нет времени начала звонка.")
    page.get_by_label("Начало звонка").select_option("when")
    expect(preview).to_contain_text(f"{DAY.year}, 20:14:54")
    page.get_by_label("Номер клиента").select_option("client_no")
    expect(preview).to_contain_text("+7 916 000-00-01")
    page.get_by_label("Длительность разговора").select_option("seconds")
    expect(preview).to_contain_text("1:05")
    person.press("Сохранить соответствие")
    expect(page.get_by_text("Соответствие сохранено")).to_be_visible()

    assert SourceMapping.objects.get().fields == {
        "callTime": "when",
        "clientNumber": "client_no",
        "duration": "seconds",
    }
    page.get_by_role("button", name="Прочитать ещё раз").click()
    expect(page.get_by_text("Принято: 1, снова отклонено: 0.")).to_be_visible()
    assert sent(address) == "duplicate"
    assert Call.objects.get().phone == "+79160000001"
    assert person.browser_errors == []
