"""The check of the connection in a browser: a fault is found, repaired, and seen to be gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from counters.models import Counter
from devtools.sandbox import RunningSandbox
from doctor import run
from integrations.models import YandexAccount
from tests.browser.conftest import WINDOWS
from tests.devtools.sandbox.actor import control
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)

DOCTOR = "/lk/integrations/doctor"


def test_lost_right_is_found_and_repaired_in_english_and_in_the_dark(
    person: Person, page: Page, windows: Counter, owner: User, yandex: RunningSandbox
) -> None:
    page.goto(f"{person.url}{DOCTOR}")
    page.locator("summary", has_text=owner.email or owner.username).click()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Connection check")).to_be_visible()
    page.locator("summary", has_text=owner.email or owner.username).click()
    page.get_by_role("button", name="Dark", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    scheme = "getComputedStyle(document.documentElement).colorScheme"
    assert page.evaluate(scheme) == "dark"

    rights = f"people/okna-stolica/counters/{WINDOWS}"
    control(yandex, rights, permission="view")
    page.get_by_role("button", name="Check now").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Asking Metrika")).to_be_visible()
    run.run(seconds=60)
    counter = page.get_by_role("region", name="Окна Столица", exact=True)
    expect(counter.get_by_text("You only have view permission")).to_be_visible()

    control(yandex, rights, permission="edit")
    # Within five seconds of the last reading none is made.
    earlier = timezone.now() - timedelta(minutes=1)
    YandexAccount.objects.update(counters_refreshed_at=earlier)
    run_again = counter.get_by_role("button", name="Check and continue")
    run_again.click()

    expect(counter.get_by_text("You only have view permission")).to_have_count(0)
    assert Counter.objects.get(pk=windows.pk).has_access
    assert person.browser_errors == []
