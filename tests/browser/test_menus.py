"""Menus and hints open inside the window and are not covered by a sticky bar."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from cabinets.models import Cabinet
from counters.models import Counter
from tests.browser.conftest import OpenBrowser

pytestmark = pytest.mark.django_db(transaction=True)

#: Open, and wait until our script has positioned it.
OPEN = """(summary) => new Promise((done) => {
  summary.parentElement.addEventListener("toggle", done, { once: true });
  summary.click();
})"""
#: The box of the opened element (left, right, top, bottom), and the free part of the window.
PLACE = """(selector) => {
  const opened = document.querySelector(selector);
  const box = opened.getBoundingClientRect();
  const bar = document.querySelector(".topbar");
  const foot = document.querySelector(".settings-foot");
  return {
    left: box.left, right: box.right, top: box.top, bottom: box.bottom,
    width: document.documentElement.clientWidth,
    from: bar.contains(opened) ? 0 : bar.getBoundingClientRect().bottom,
    to: foot ? foot.getBoundingClientRect().top : innerHeight,
  };
}"""


def cut_off(page: Page, opener: str, opened: str) -> list[str]:
    """Open each matching element in turn; return the names of those that are cut off."""
    cut = []
    for one in page.locator(opener).all():
        one.focus()
        one.evaluate(OPEN)
        place = page.evaluate(PLACE, opened)
        fits_across = place["left"] >= 0 and place["right"] <= place["width"]
        if not (fits_across and place["from"] <= place["top"] and place["bottom"] <= place["to"]):
            cut.append(f"{one.inner_text()} {one.get_attribute('aria-label')} {place}")
        one.press("Escape")
    return cut


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_every_hint_of_the_settings_fits_the_window(
    open_browser: OpenBrowser, owner: User, windows: Counter, width: int
) -> None:
    person = open_browser(owner, width=width)
    person.page.goto(person.url + reverse("counters:settings", args=[windows.pk]))
    hints = ".hint > summary:visible"

    assert person.page.locator(hints).count() > 10
    assert cut_off(person.page, hints, ".hint[open] .hint__text") == []


@pytest.mark.parametrize("width", [320, 390, 840])
def test_every_menu_of_the_counter_list_fits_the_window(
    open_browser: OpenBrowser, owner: User, windows: Counter, width: int
) -> None:
    person = open_browser(owner, width=width)
    person.page.goto(person.url + reverse("counters:list"))
    menus = ".menu > summary:visible"

    assert person.page.locator(menus).count() == 6
    assert cut_off(person.page, menus, ".menu[open] .menu__list") == []


def test_sign_out_is_reachable_on_the_smallest_phone(
    open_browser: OpenBrowser, owner: User, cabinet: Cabinet
) -> None:
    Cabinet.objects.update(is_demo=True)
    person = open_browser(owner, width=320)
    person.page.goto(person.url + reverse("integrations:dashboard"))

    expect(person.page.get_by_text("Демонстрация", exact=True)).to_have_count(1)
    person.page.locator("summary", has=person.page.locator(".topbar__person")).click()
    person.press("Выйти")

    person.page.wait_for_url("**/accounts/login/**")
