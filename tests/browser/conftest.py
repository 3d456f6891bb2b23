"""Fixtures of the browser tests: a live server, the sandbox of Yandex, two counters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cabinets.models import Cabinet
from counters import lifecycle
from counters.models import Counter
from counters.sync import goals
from devtools.demonstration.consent import link_person
from devtools.launcher.pytest_browser import WAIT_MS
from devtools.sandbox import RunningSandbox, start_sandbox
from integrations.models import YandexAccount
from tests.journeys.person import Person

WINDOWS, MY_SITE = 91234567, 91234602
OpenBrowser = Callable[..., Person]


@pytest.fixture
def yandex(live_server: LiveServer, settings: Settings) -> Iterator[RunningSandbox]:
    """A sandbox that redirects back to the live server."""
    cache.clear()
    redirect = f"{live_server.url}/lk/integrations/yandex/callback"
    running = start_sandbox(redirect_uris=(redirect,))
    settings.YANDEX_OAUTH_URL = settings.YANDEX_LOGIN_URL = running.url
    settings.METRIKA_API_URL = running.url
    settings.YANDEX_CLIENT_ID = running.options.client_id
    settings.YANDEX_CLIENT_SECRET = running.options.client_secret
    settings.YANDEX_REDIRECT_URI = redirect
    yield running
    running.close()


@pytest.fixture
def linked(yandex: RunningSandbox, cabinet: Cabinet, owner: User) -> YandexAccount:
    """A linked account of the login that owns most of the sandbox's counters."""
    return link_person(login="okna-stolica", user=owner, cabinet=cabinet)


@pytest.fixture
def windows(linked: YandexAccount, cabinet: Cabinet, owner: User) -> Counter:
    """The counter «Окна Столица», just added, with its goals; «Мой сайт» is added too."""
    chosen = lifecycle.add_counters(
        cabinet=cabinet,
        account=linked,
        numbers=[WINDOWS, MY_SITE],
        actor=owner,
        now=timezone.now(),
    )
    added = next(counter for counter in chosen.added if counter.number == WINDOWS)
    goals.refresh_goals(added, now=timezone.now())
    return added


@pytest.fixture
def configured_counter(windows: Counter) -> Counter:
    """«Окна Столица» with a goal; its settings and those of «Мой сайт» are saved."""
    Counter.objects.update(configured_at=timezone.now(), last_synced_at=timezone.now())
    windows.refresh_from_db()
    windows.goal = windows.goals.get(identifier="calltracking_call_order")
    windows.save(update_fields=["goal"])
    return windows


@pytest.fixture
def open_browser(browser: Browser, live_server: LiveServer) -> Iterator[OpenBrowser]:
    """Yields a function that opens a browser context of its own for a signed-in user."""
    opened = []

    def open_page(user: User, *, width: int = 1280, has_scripts: bool = True) -> Person:
        context = browser.new_context(
            locale="ru-RU",
            timezone_id="Europe/Moscow",
            viewport={"width": width, "height": 800},
            java_script_enabled=has_scripts,
            reduced_motion="reduce",
        )
        context.set_default_timeout(WAIT_MS)
        opened.append(context)
        client = Client()
        client.force_login(user)
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        return Person(context.new_page(), live_server.url)

    yield open_page
    for context in opened:
        context.close()


@pytest.fixture
def person(open_browser: OpenBrowser, owner: User) -> Person:
    """The cabinet's owner in a desktop browser."""
    return open_browser(owner)


@pytest.fixture
def page(person: Person) -> Page:
    """The browser page of the cabinet's owner."""
    return person.page
