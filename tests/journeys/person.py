"""Actions of a user of the cabinet in a real browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

#: htmx reports a request that ends because its page is left, such as that of a preview while
#: «Сохранить» is pressed. Any other failure has a message of its own beside the second of these.
OF_LEFT_PAGES = ("htmx:sendAbort", "htmx:afterRequest")


@dataclass
class Person:
    """A user of the cabinet at ``url``; ``browser_errors`` collects console errors and warnings."""

    page: Page
    url: str
    browser_errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._record_message)
        self.page.on("pageerror", lambda error: self.browser_errors.append(str(error)))

    def _record_message(self, message: ConsoleMessage) -> None:
        is_bad = message.type in ("error", "warning")
        if is_bad and not message.text.startswith(OF_LEFT_PAGES):
            self.browser_errors.append(message.text)

    def sign_in(self, username: str, password: str) -> None:
        self.page.goto(f"{self.url}/lk/integrations")
        self.page.get_by_label("Логин или почта").fill(username)
        self.page.get_by_label("Пароль", exact=True).fill(password)
        self.press("Войти")
        expect(self.page.get_by_role("heading", name="Интеграции")).to_be_visible()

    def link(self, name: str) -> None:
        """Press «Подключить» and allow access on the consent page as the user of that name."""
        self.page.goto(f"{self.url}/lk/integrations")
        self.press("Подключить")
        self.page.get_by_label(name).check()
        self.press("Разрешить")
        self.page.wait_for_url(f"{self.url}/lk/**")

    def add_counters(self, *numbers: int) -> None:
        self.page.goto(f"{self.url}/lk/integrations/yandex")
        self.page.locator("summary", has_text="Добавить").click()
        self.page.locator("details.counters-add").get_by_role("link").first.click()
        for number in numbers:
            self.page.get_by_label(re.compile(rf"\b{number}\b")).check()
        self.press("Добавить")
        expect(self.page.get_by_text(f"Добавлено счетчиков: {len(numbers)}.")).to_be_visible()

    def open_settings(self, counter: str) -> None:
        self.page.goto(f"{self.url}/lk/integrations/yandex")
        self.page.get_by_role("link", name=counter, exact=True).click()
        expect(self.page.get_by_role("heading", name=counter, exact=True)).to_be_visible()

    def choose(self, question: str, answer: str) -> None:
        group = self.page.get_by_role("radiogroup", name=question)
        group.get_by_role("radio", name=answer, exact=True).check()

    def select(self, label: str, option: str) -> None:
        self.page.get_by_role("combobox", name=label, exact=True).select_option(label=option)

    def save(self) -> None:
        self.press("Сохранить")
        expect(self.page.get_by_text("Настройки сохранены.")).to_be_visible()

    def send_earlier_calls(self, counter: str) -> None:
        """Order the calls from before the counter was connected to be sent."""
        self.open_settings(counter)
        self.page.get_by_role("link", name="Отправить их…").click()
        self.press("Отправить")
        expect(self.page.get_by_text("Из звонков, которые начались раньше")).to_be_visible()

    def add_pulled_source(self, name: str, *, key: str) -> None:
        """Add a source whose calls are pulled with the key of CallKeeper's API."""
        self.page.goto(f"{self.url}/lk/integrations/sources/add/pull")
        self.page.get_by_label("Название").fill(name)
        self.page.get_by_label("Ключ API").fill(key)
        self.press("Добавить источник")
        expect(self.page.get_by_text(f"Источник «{name}» добавлен")).to_be_visible()

    def add_source_of_webhooks(self, name: str) -> str:
        """Add a source of webhooks; return its secret address."""
        self._add_source(name, kind="webhook")
        panel = self.page.get_by_role("region", name="Адрес для вебхуков")
        return panel.locator("code").first.inner_text()

    def add_source_of_files(self, name: str) -> None:
        """Add a source of files; its page is shown then."""
        self._add_source(name, kind="file")

    def _add_source(self, name: str, *, kind: str) -> None:
        self.page.goto(f"{self.url}/lk/integrations/sources/add?kind={kind}")
        self.page.get_by_label("Название").fill(name)
        self.press("Добавить")
        expect(self.page.get_by_role("heading", name=name, exact=True)).to_be_visible()

    def upload_calls(self, file: Path) -> str:
        """Upload a file of calls from the page of a source; return the address of the import."""
        self.page.get_by_role("link", name="Загрузить файл", exact=True).click()
        self.page.get_by_label("Файл", exact=True).set_input_files(file)
        self.press("Загрузить и проверить")
        expect(self.page.get_by_role("heading", name=file.name, exact=True)).to_be_visible()
        return self.page.url

    def store_and_send(self, address: str) -> None:
        """Wait until an uploaded file is checked, and order its calls to be stored and sent."""
        self.page.goto(address)
        button = self.page.get_by_role("button", name="Загрузить и отправить", exact=True)
        expect(button).to_be_visible()
        button.click()
        expect(button).to_be_hidden()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def switch(self, counter: str) -> Locator:
        return self.page.get_by_role("switch", name=f"Отправка в счетчик «{counter}»")

    def turn(self, counter: str, *, on: bool) -> None:
        """Press the switch in the list of counters and wait until it has changed."""
        self.page.goto(f"{self.url}/lk/integrations/yandex")
        self.switch(counter).click()
        expect(self.switch(counter)).to_have_attribute("aria-checked", "true" if on else "false")

    def totals(self, counter: str, channel: str) -> Mapping[str, int]:
        """Return the totals above the calls in the counter's history: state in words → number."""
        self.page.goto(f"{self.url}/lk/integrations/yandex")
        self.page.get_by_role("link", name=f"История счетчика «{counter}»").click()
        self.page.get_by_label("С", exact=True).fill("")
        self.select("Канал", channel)
        self.press("Показать")
        items = self.page.locator(".totals__item")
        # Those of a long history are loaded after the page.
        expect(items.first).to_be_visible()
        read = [item.locator("span").all_inner_texts() for item in items.all()]
        return {words[1]: int("".join(words[0].split())) for words in read}
