"""The first steps of a new cabinet in a browser: from nothing to the first sent call."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings

from cabinets.models import CallSource
from callkeeper_metrika.csp import content_policy
from calls.models import Upload
from calls.tasks import build_uploads, look_before_send, send_due
from devtools.sandbox import RunningSandbox
from tests.browser.conftest import MY_SITE
from tests.calls.posting import post_calls
from tests.factories import v3_record
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)
MOST_CLICKS = 12
LONGEST = 120


@dataclass
class Mouse:
    """Counts the clicks of a person; texts that are typed are none."""

    clicks: int = 0

    def click(self, target: Locator) -> None:
        self.clicks += 1
        target.click()


def test_new_cabinet_reaches_its_first_sent_call_by_the_first_steps(
    person: Person, page: Page, yandex: RunningSandbox, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    settings.CONTENT_SECURITY_POLICY = content_policy(yandex.url)
    mouse, began = Mouse(), time.monotonic()
    page.goto(f"{person.url}/lk/integrations")
    steps = page.get_by_role("region", name="Первые шаги")
    expect(steps.get_by_role("listitem")).to_have_count(3)

    mouse.click(steps.get_by_role("button", name="Открыть доступ к Метрике"))
    mouse.click(page.get_by_text("okna-stolica@yandex.ru"))
    mouse.click(page.get_by_role("button", name="Разрешить"))
    page.wait_for_url("**/counters/add")
    mouse.click(page.get_by_label("Мой сайт"))
    mouse.click(page.get_by_role("button", name="Добавить", exact=True))
    mouse.click(page.get_by_role("button", name="Сохранить", exact=True))
    expect(page.get_by_text("Настройки сохранены.")).to_be_visible()

    page.goto(f"{person.url}/lk/integrations")
    expect(steps.get_by_text("сделано:")).to_have_count(2)
    mouse.click(steps.get_by_role("link", name="Выбрать способ"))
    mouse.click(page.get_by_role("link", name="Получить секрет"))
    page.get_by_label("Название").fill("CallKeeper")
    mouse.click(page.get_by_role("button", name="Добавить и показать секрет"))
    source = CallSource.objects.get()
    (secret,) = source.signing_secrets.all()
    counter = source.cabinet.counters.get(number=MY_SITE)
    # As early as the counter accepts calls.
    started = counter.accepts_from or counter.added_at
    record = v3_record(site=counter.site_host, callTime=started.isoformat(), duration=1)
    assert post_calls(record, source=source, secret=str(secret.secret)).status_code == 202

    page.goto(f"{person.url}/lk/integrations")
    expect(steps.get_by_text("Звонки пришли")).to_be_visible()
    assert build_uploads() == 1
    # The first run notes that sending has started, and that the list is to be read before.
    for task in (send_due, look_before_send, send_due):
        task()
    assert Upload.objects.with_metrika().count() == 1

    # The panel asks every five seconds.
    expect(steps).to_be_hidden()
    assert mouse.clicks == 9 <= MOST_CLICKS
    assert time.monotonic() - began < LONGEST
    assert person.browser_errors == []
