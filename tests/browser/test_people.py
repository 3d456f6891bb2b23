"""An invitation is accepted by a new person, who may look at everything and change nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from cabinets.models import Cabinet
from counters.models import Counter
from tests.browser.conftest import OpenBrowser
from tests.calls.ledger import make_call, make_delivery
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)


def test_new_person_joins_by_a_link_as_a_viewer(
    person: Person, open_browser: OpenBrowser, owner: User, cabinet: Cabinet, counter: Counter
) -> None:
    call = make_call(cabinet=cabinet, phone="+79161234567")
    make_delivery(call=call, counter=counter)
    person.page.goto(f"{person.url}/lk/integrations/people")
    person.page.get_by_role("link", name="Пригласить").click()
    person.press("Создать приглашение")
    link = person.page.locator(".invitation-link code").inner_text()

    anna = open_browser(owner)
    anna.page.context.clear_cookies()
    anna.page.goto(anna.url + link[link.index("/accounts/") :])
    expect(anna.page.get_by_role("heading", name="Приглашение в кабинет")).to_be_visible()
    for label, text in (
        ("Как вас зовут", "Анна"),
        ("Почта", "anna@okna.example"),
        ("Пароль", "ne-ugadaesh-27"),
        ("Пароль ещё раз", "ne-ugadaesh-27"),
    ):
        anna.page.get_by_label(label, exact=True).fill(text)
    anna.press("Создать вход и открыть кабинет")

    expect(anna.page.get_by_text("Ваша роль: наблюдатель.")).to_be_visible()
    anna.page.goto(f"{anna.url}/lk/integrations/calls/{call.pk}")
    expect(anna.page.get_by_role("definition").filter(has_text="***").first).to_be_visible()
    assert "9161234567" not in anna.page.content().replace(" ", "").replace("-", "")
    anna.page.goto(f"{anna.url}/lk/integrations/yandex/counters/{counter.pk}")
    expect(anna.page.get_by_role("button", name="Сохранить")).to_have_count(0)
    anna.page.goto(f"{anna.url}/lk/integrations/people")
    expect(anna.page.get_by_role("link", name="Пригласить")).to_have_count(0)
    refused = anna.page.goto(f"{anna.url}/lk/integrations/people/invite")
    assert refused is not None
    assert refused.status == 403

    person.page.reload()
    person.page.get_by_role("link", name="Удалить Анна").click()
    question = person.page.get_by_role("dialog")
    question.get_by_role("button", name="Удалить").click()
    expect(person.page.get_by_text("Анна больше не видит этот кабинет.")).to_be_visible()
    gone = anna.page.goto(f"{anna.url}/lk/integrations/calls/{call.pk}")
    assert gone is not None
    assert gone.status == 403
    assert person.browser_errors == []
