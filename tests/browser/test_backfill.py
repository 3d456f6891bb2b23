"""Past calls in a browser, on a phone: counted, watched, sent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from cabinets.models import Cabinet
from calls.delivery import backfill
from calls.models import Backfill, BackfillState, Delivery
from calls.pages import backfill_views
from counters.models import Counter
from tests.browser.conftest import OpenBrowser
from tests.calls.stored import store_call

pytestmark = pytest.mark.django_db(transaction=True)


def test_past_calls_are_counted_and_sent_on_a_page_that_shows_how_far_it_is(
    open_browser: OpenBrowser,
    owner: User,
    cabinet: Cabinet,
    configured_counter: Counter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each request makes one step only; the others are made here, as a worker would.
    monkeypatch.setattr(backfill_views, "AT_ONCE_SECONDS", 0)
    monkeypatch.setattr(backfill, "STEP", 2)
    Counter.objects.update(site_mode="list", site_hosts=["a.example"], accepts_from=None)
    for day in range(1, 4):
        store_call(cabinet=cabinet, started_at=timezone.now() - timedelta(days=day))
    store_call(cabinet=cabinet, duration_seconds=3)
    Counter.objects.update(site_mode="all", min_duration_seconds=60)
    assert not Delivery.objects.exists()
    person = open_browser(owner, width=390)
    page = person.page
    address = reverse("counters:settings", args=[configured_counter.pk])
    page.goto(person.url + address)

    page.get_by_role("link", name="Отправить прошлые звонки…").click()
    expect(page.get_by_role("checkbox", name=configured_counter.name)).to_be_checked()
    page.get_by_role("button", name="Посчитать").click()

    expect(page.get_by_text("Посчитано звонков: 2 из 4")).to_be_visible()
    backfill.run(seconds=5)
    expect(page.get_by_role("heading", name="Посчитано: ждёт вашего решения")).to_be_visible()
    expect(page.get_by_text("Короткий разговор: 1")).to_be_visible()
    assert not Delivery.objects.waiting().exists()
    page.get_by_role("button", name="Отправить звонки: 3").click()
    expect(page.get_by_text("Просмотрено звонков: 2 из 4")).to_be_visible()
    backfill.run(seconds=5)
    expect(page.get_by_role("heading", name="Готово")).to_be_visible()
    expect(page.get_by_text("Поставлено в очередь звонков: 3.")).to_be_visible()
    assert Backfill.objects.get().state == BackfillState.DONE
    assert Delivery.objects.waiting().values("call_id").distinct().count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert person.browser_errors == []
