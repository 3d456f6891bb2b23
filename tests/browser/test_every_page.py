"""Whatever page it is: nothing the browser objects to, nothing unnamed, nothing cut off."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from cabinets.models import Cabinet, SigningSecret
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.browser.conftest import Enter
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)

PHONE, DESK = 360, 1280
#: Phones, tablets, desks, and a notebook of 1366 that shows everything half as large again.
WIDTHS = (320, 360, 390, 600, 768, 840, 900, 911, 1024, 1100, 1280)
#: A control or picture for which the browser found no name, in its own tree of what is there.
UNNAMED = re.compile(
    r"- (?:button|link|textbox|searchbox|checkbox|radio|combobox|spinbutton|switch|img)(?! ['\"])"
    r"(?: \[[^\]]*\])*:?$"
)
REPEATED_IDS = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place);
}"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def addresses(windows: Counter, linked: YandexAccount, cabinet: Cabinet) -> dict[str, str]:
    """Every page of the cabinet, each with something on it, by its name."""
    upload = make_upload(counter=windows)
    source = factories.make_source(cabinet=cabinet)
    newer = SigningSecret.objects.create(source=source, slot=2, secret=factories.SECRET)
    call = make_call(cabinet=cabinet)
    make_delivery(call=call, counter=windows, upload=upload)
    make_delivery(call=make_call(cabinet=cabinet), counter=windows)
    pages = {
        "integrations:dashboard": (),
        "counters:list": (),
        "counters:add": (linked.pk,),
        "counters:settings": (windows.pk,),
        "counters:delete": (windows.pk,),
        "integrations:account-disconnect": (linked.pk,),
        "cabinets:sources": (),
        "cabinets:source-add": (),
        "cabinets:source-rotate": (source.pk,),
        "cabinets:source-retire": (source.pk, newer.pk),
        "calls:history": (windows.pk,),
        "calls:journey": (call.pk,),
        "calls:upload": (upload.pk,),
        "calls:api-docs": (),
        "admin:index": (),
        "admin:calls_delivery_changelist": (),
    }
    return {name: reverse(name, args=values) for name, values in pages.items()}


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_pages_are_whole_named_and_within_the_policy(
    enter: Enter, owner: User, addresses: dict[str, str], width: int
) -> None:
    owner.is_staff = owner.is_superuser = True
    owner.save()
    person = enter(owner, width=width)

    found: dict[str, list[str]] = {}
    for name, address in addresses.items():
        answer = person.page.goto(person.url + address, wait_until="networkidle")
        assert answer is not None
        found[name] = [
            *([] if answer.status == 200 else [f"status {answer.status}"]),
            *(_faults_of_ours(person.page) if not name.startswith("admin:") else []),
            *person.complaints,
        ]
        person.complaints.clear()

    assert found == {name: [] for name in addresses}


def test_no_page_has_to_be_scrolled_sideways(
    visitor: Person, page: Page, addresses: dict[str, str], set_up: Counter
) -> None:
    found: dict[str, list[int]] = {}
    for name, address in addresses.items():
        if name.startswith("admin:"):
            continue
        page.goto(visitor.url + address)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate(TOO_WIDE) > 0:
                found.setdefault(name, []).append(width)

    assert found == {}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/lk/integrations/calls/404404", 404),
        ("/lk/integrations/yandex/callback?error=access_denied&state=foreign", 400),
    ],
)
def test_a_refusal_is_whole_named_and_within_the_policy(
    enter: Enter, owner: User, address: str, status: int
) -> None:
    person = enter(owner, width=PHONE)

    answer = person.page.goto(person.url + address, wait_until="networkidle")

    assert answer is not None
    assert answer.status == status
    assert _faults_of_ours(person.page) == []
    assert [text for text in person.complaints if "Policy" in text] == []


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", ["integrations:dashboard", "counters:list"])
def test_pages_with_nothing_to_show_are_whole_and_named(
    enter: Enter, owner: User, name: str, width: int
) -> None:
    person = enter(owner, width=width)

    person.page.goto(person.url + reverse(name), wait_until="networkidle")

    expect(person.page.get_by_role("button", name="Подключить", exact=True)).to_be_visible()
    assert _faults_of_ours(person.page) == []
    assert person.complaints == []


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_sign_in_is_whole_named_and_within_the_policy(
    enter: Enter, owner: User, width: int
) -> None:
    person = enter(owner, width=width)
    person.page.context.clear_cookies()

    person.page.goto(f"{person.url}/lk/integrations", wait_until="networkidle")

    assert person.page.url.endswith("/accounts/login/?next=/lk/integrations")
    assert _faults_of_ours(person.page) == []
    assert person.complaints == []


def _faults_of_ours(page: Page) -> list[str]:
    tree = page.locator("body").aria_snapshot().splitlines()
    headings = page.get_by_role("heading", level=1).count()
    too_wide = page.evaluate(TOO_WIDE)
    return [
        *(line.strip() for line in tree if UNNAMED.search(line)),
        *(f"repeated id {name}" for name in page.evaluate(REPEATED_IDS)),
        *([] if headings == 1 else [f"{headings} headings of the first level"]),
        *([] if too_wide <= 0 else [f"{too_wide} px too wide"]),
        *([] if page.locator("html").get_attribute("lang") == "ru" else ["not in Russian"]),
    ]
