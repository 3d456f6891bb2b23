"""A cabinet that is open in a browser: a live server, a stand-in for Yandex, two counters."""

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
from devtools.sandbox import RunningSandbox, start_sandbox
from integrations.models import YandexAccount
from tests.journeys.person import Person

WINDOWS, MY_SITE = 91234567, 91234602
Enter = Callable[..., Person]


@pytest.fixture
def yandex(live_server: LiveServer, settings: Settings) -> Iterator[RunningSandbox]:
    """A stand-in that sends people back to this very server."""
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
    """An account of the person who owns most of the sandbox's counters."""
    return link_person(login="okna-stolica", user=owner, cabinet=cabinet)


@pytest.fixture
def windows(linked: YandexAccount, cabinet: Cabinet, owner: User) -> Counter:
    """The counter «Окна Столица» as just added, its goals fetched; «Мой сайт» stands beside it."""
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
def set_up(windows: Counter) -> Counter:
    """«Окна Столица», its settings and those of «Мой сайт» saved, with a goal as long as most."""
    Counter.objects.update(configured_at=timezone.now(), last_synced_at=timezone.now())
    windows.refresh_from_db()
    windows.goal = windows.goals.get(identifier="calltracking_call_order")
    windows.save(update_fields=["goal"])
    return windows


@pytest.fixture
def enter(browser: Browser, live_server: LiveServer) -> Iterator[Enter]:
    """Give a browser of their own to somebody who has signed in."""
    opened = []

    def let_in(user: User, *, width: int = 1280, has_scripts: bool = True) -> Person:
        context = browser.new_context(
            locale="ru-RU",
            timezone_id="Europe/Moscow",
            viewport={"width": width, "height": 800},
            java_script_enabled=has_scripts,
        )
        context.set_default_timeout(10_000)
        opened.append(context)
        client = Client()
        client.force_login(user)
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        return Person(context.new_page(), live_server.url)

    yield let_in
    for context in opened:
        context.close()


@pytest.fixture
def visitor(enter: Enter, owner: User) -> Person:
    """The cabinet's owner at a desk."""
    return enter(owner)


@pytest.fixture
def page(visitor: Person) -> Page:
    """The page of the cabinet's owner."""
    return visitor.page
