"""Makes the pictures of docs/guide.md from a running `./run`.

    .venv/bin/python -m devtools.tools.guide_pictures DATA_DIR docs/images/guide

DATA_DIR is that of the `./run`, for its ready.json. With an empty cabinet (`DEMO_DATA=0 ./run`) it
makes the picture of the first steps, with demonstration data all others. It changes settings,
invites a person and counts past calls on the way, so give it a data folder of its own; in a folder
that it has used before it makes the same pictures again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from devtools.launcher.pytest_browser import open_browser

WIDTH = 1200
#: Higher than every page, so that the bar at the bottom of the settings hides nothing.
HEIGHT = 3600
COUNTER, OTHERS = "Окна Столица", ("Мой сайт", "Окна Столица: балконы")
COLLEAGUE = "anna@example.com"


@dataclass(frozen=True)
class Guide:
    """A browser that is signed in, and the folder of the pictures."""

    page: Page
    url: str
    folder: Path

    def open(self, path: str) -> None:
        """Open a page below /lk/integrations."""
        self.page.goto(f"{self.url}/lk/integrations{path}")

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        """Click on a link of the page itself, not of the menu."""
        self.page.get_by_role("main").get_by_role("link", name=name, exact=True).first.click()

    def open_settings(self, counter: str) -> None:
        """Open the settings of a counter and wait for their preview."""
        self.open("/yandex")
        self.follow(counter)
        expect(self.page.locator("#preview-result strong").first).to_be_visible()

    def save_top(self, name: str, height: int) -> None:
        """Store the upper part of the page."""
        self._save(name, 0, 0, WIDTH, height)

    def save_parts(self, name: str, *parts: Locator) -> None:
        """Store the rectangle that contains these elements."""
        for part in parts:
            expect(part.first).to_be_visible()
        boxes = [box for part in parts for one in part.all() if (box := one.bounding_box())]
        left = min(box["x"] for box in boxes)
        top = min(box["y"] for box in boxes)
        right = max(box["x"] + box["width"] for box in boxes)
        bottom = max(box["y"] + box["height"] for box in boxes)
        self._save(name, left, top, right - left, bottom - top)

    def _save(self, name: str, x: float, y: float, width: float, height: float) -> None:
        path = self.folder / f"{name}.png"
        # Without the pointer over anything, and without the cursor blinking in a field.
        self.page.mouse.move(0, 0)
        self.page.screenshot(
            path=path,
            clip={"x": x, "y": y, "width": width, "height": height},
            animations="disabled",
            caret="hide",
        )
        print(f"{path.name}: {path.stat().st_size // 1024} KB")


def first_steps(guide: Guide) -> None:
    """Picture the first steps of an empty cabinet."""
    guide.open("")
    guide.save_parts("first-steps", guide.page.locator("#first-steps"))


def counters(guide: Guide) -> None:
    """Picture the list of counters with two of them ticked."""
    guide.open("/yandex")
    for name in (COUNTER, OTHERS[0]):
        guide.page.get_by_label(f"Выбрать счетчик «{name}»").check()
    guide.save_parts("counters", guide.page.get_by_role("region", name="Яндекс Метрика"))


def settings(guide: Guide) -> None:
    """Picture edited settings: their preview, creating a goal, a value rule. Nothing is saved."""
    page = guide.page
    guide.open_settings(COUNTER)
    page.get_by_text("Создать цель", exact=True).click()
    head = page.locator(".settings-head")
    guide.save_parts("goals", head, page.locator(".goal-create__list"))
    page.keyboard.press("Escape")
    page.get_by_text("Добавить правило", exact=True).click()
    rule = page.get_by_role("group", name="Новое правило")
    rule.get_by_label("Тип звонка").select_option("Обратный звонок")
    rule.get_by_label("Ценность").fill("2500")
    guide.save_parts("value-rules", page.locator(".value-rules"))
    page.get_by_label("Длительность", exact=True).fill("60")
    expect(page.locator("#preview-result")).to_contain_text("перестанут")
    guide.save_parts("preview", page.locator("#settings-preview"))


def settings_history(guide: Guide) -> None:
    """Change settings twice, then picture their history."""
    for seconds in ("15", "10"):
        guide.open_settings(COUNTER)
        guide.page.get_by_label("Длительность", exact=True).fill(seconds)
        guide.press("Сохранить")
        expect(guide.page.locator(".alert--success").first).to_be_visible()
    guide.follow("История настроек")
    expect(guide.page.locator(".changes-table")).to_be_visible()
    guide.save_parts("settings-history", guide.page.locator("main h1, main section"))


def copying(guide: Guide) -> None:
    """Picture what copying would change."""
    guide.open_settings(COUNTER)
    guide.follow("Копировать настройки в другие счетчики")
    for name in OTHERS:
        guide.page.get_by_role("row").filter(has_text=name).get_by_role("checkbox").first.check()
    guide.press("Показать отличия")
    expect(guide.page.get_by_role("heading", name="Что изменится")).to_be_visible()
    guide.save_parts("copy", guide.page.locator("form.panel"))


def history(guide: Guide) -> None:
    """Picture a history, the question before an action on many calls, and an order for one."""
    page = guide.page
    guide.open_settings(COUNTER)
    guide.follow("История звонков")
    # Without the filters: Chromium writes the dates in them as Americans do.
    calls = page.locator("#call-rows tr:nth-child(-n+5)")
    guide.save_parts("history", page.locator(".bulk"), calls)
    page.emulate_media(color_scheme="dark")
    guide.save_top("dark", 400)
    page.emulate_media(color_scheme="light")
    page.get_by_label("Состояние").select_option("Не отправляется")
    guide.press("Показать")
    page.wait_for_url("**state=*")
    filtered = page.url
    guide.follow("Отправить не отправленные…")
    page.wait_for_url("**/bulk/new/**")
    guide.save_parts("bulk", page.locator("main section"))
    # The newest call that is not sent may be one that nobody can send.
    page.goto(f"{filtered}&reason=technical")
    page.locator("#call-rows a").first.click()
    page.get_by_role("link", name="Отправить в этот счетчик…").first.click()
    page.wait_for_url("**/send/**")
    guide.save_parts("send-call", page.locator("main section"))


def backfill(guide: Guide) -> None:
    """Count past calls, picture the result, and drop it."""
    guide.open("/backfill")
    guide.page.get_by_label("За сколько последних дней").fill("14")
    guide.page.get_by_label("Все счетчики").check()
    guide.press("Посчитать")
    counted = guide.page.get_by_role("heading", name="Посчитано: ждёт вашего решения")
    expect(counted).to_be_visible(timeout=60_000)
    guide.save_parts("backfill", guide.page.locator("#backfill"))
    guide.press("Не отправлять")
    expect(counted).to_be_hidden()


def check_of_the_connection(guide: Guide) -> None:
    """Picture the check of a counter that is switched off."""
    guide.open_settings("Пекарня на Мойке")
    guide.follow("Проверить подключение")
    guide.save_parts("doctor", guide.page.locator("#doctor"))


def notices(guide: Guide) -> None:
    """Picture what needs attention. A new `./run` looks for it in its first ten minutes."""
    for _ in range(130):
        guide.open("/notices")
        if guide.page.get_by_role("main").get_by_role("table").count():
            break
        guide.page.wait_for_timeout(5_000)
    guide.save_top("notices", 480)


def people(guide: Guide, browser: Browser) -> None:
    """Let a colleague join by an invitation, invite another person, and picture the people."""
    page = guide.page
    guide.open("/people")
    if page.get_by_text(COLLEAGUE).count() == 0:
        _join(browser, _invite(guide, "Управляющий"))
        _invite(guide, "Наблюдатель")
        guide.open("/people")
    guide.save_top("people", 860)


def _invite(guide: Guide, role: str) -> str:
    guide.open("/people/invite")
    guide.page.get_by_label("Роль").select_option(role)
    guide.press("Создать приглашение")
    guide.page.wait_for_url("**/people")
    return guide.page.locator(".invitation-link code").first.inner_text()


def _join(browser: Browser, link: str) -> None:
    page = browser.new_context(locale="ru-RU").new_page()
    page.goto(link)
    page.get_by_label("Как вас зовут").fill("Анна Смирнова")
    page.get_by_label("Почта").fill(COLLEAGUE)
    page.get_by_label("Пароль", exact=True).fill("picture-of-the-guide")
    page.get_by_label("Пароль ещё раз").fill("picture-of-the-guide")
    page.get_by_role("button", name="Создать вход и открыть кабинет").click()
    page.wait_for_url("**/lk/integrations")
    page.context.close()


def audit(guide: Guide) -> None:
    """Picture the audit page with what was done for the other pictures."""
    guide.open("/audit")
    guide.save_top("audit", 800)


def sign_in(page: Page, ready: dict[str, str]) -> None:
    """Sign in as the person of ready.json."""
    page.goto(f"{ready['url']}/accounts/login/")
    page.get_by_label("Логин или почта").fill(ready["username"])
    page.get_by_label("Пароль", exact=True).fill(ready["password"])
    page.get_by_role("button", name="Войти", exact=True).click()
    page.wait_for_url("**/lk/integrations")


def make(browser: Browser, ready: dict[str, str], folder: Path) -> None:
    """Make the pictures that the cabinet allows."""
    context = browser.new_context(
        locale="ru-RU",
        timezone_id="Europe/Moscow",
        viewport={"width": WIDTH, "height": HEIGHT},
    )
    guide = Guide(context.new_page(), ready["url"], folder)
    sign_in(guide.page, ready)
    if guide.page.locator("#first-steps").count():
        first_steps(guide)
        return
    for part in (notices, counters, settings, settings_history, copying, history, backfill):
        part(guide)
    check_of_the_connection(guide)
    people(guide, browser)
    audit(guide)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the pictures of a running `./run`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data_dir", type=Path, help="data folder of the ./run that is up")
    parser.add_argument("folder", type=Path, help="where the pictures go: docs/images/guide")
    given = parser.parse_args(arguments)
    ready = json.loads((given.data_dir / "ready.json").read_text(encoding="utf-8"))
    given.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        make(browser, ready, given.folder)
        browser.close()


if __name__ == "__main__":
    main()
