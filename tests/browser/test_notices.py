"""The bell and the choices of a person: on a phone, and without scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django import Settings

from cabinets.models import Cabinet
from notices.models import NoticeChoice
from tests.browser.conftest import OpenBrowser
from tests.notices.notices import FACTS, make_notice

pytestmark = pytest.mark.django_db(transaction=True)


def test_bell_leads_to_notices_and_choices_are_saved_without_scripts(
    open_browser: OpenBrowser, owner: User, cabinet: Cabinet, settings: Settings
) -> None:
    settings.EMAIL_HOST = "mail.example"
    make_notice(cabinet=cabinet)
    facts = FACTS["right_lost"] | {"counter": 1}
    make_notice(cabinet=cabinet, kind="right_lost", subject="counter:1", facts=facts)
    hour = timedelta(hours=1)
    ended = {"opened_at": timezone.now() - hour, "closed_at": timezone.now()}
    make_notice(cabinet=cabinet, subject="account:2", **ended)
    person = open_browser(owner, width=390, has_scripts=False)
    page = person.page
    page.goto(f"{person.url}/lk/integrations")
    page.get_by_role("link", name="Уведомления, новых: 2").click()

    standing = page.get_by_role("table", name="Что сейчас требует внимания")
    expect(standing.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("table", name="Что больше не требует")).to_contain_text("okna-stolica")
    expect(page.get_by_role("banner").get_by_role("link", name="Уведомления")).to_have_attribute(
        "aria-label", "Уведомления"
    )
    page.get_by_role("link", name="Что и куда присылать").click()
    page.get_by_role("checkbox", name="Лимит запросов Яндекса — Почта").uncheck()
    page.get_by_role("radio", name="По понедельникам").check()
    page.get_by_role("button", name="Сохранить").click()

    expect(page.get_by_text("Сохранено: так присылаем с этой минуты.")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Лимит запросов Яндекса — Почта")).not_to_be_checked()
    choice = NoticeChoice.objects.get()
    assert choice.digest == "weekly"
    assert choice.email_groups == [
        *("accounts", "counters", "sending", "expiry", "sources", "flow")
    ]
