"""A sandbox of Yandex with an account of «Окна Столица» linked in the cabinet, and signals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy

import pytest
from django.core.cache import cache
from pytest_django import Settings

from cabinets.models import Cabinet
from counters.models import Counter
from counters.signals import counter_changed
from devtools.sandbox import RunningSandbox, start_sandbox
from integrations.models import YandexAccount
from tests import factories

LinkAccount = Callable[[str], YandexAccount]


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[RunningSandbox]:
    running = start_sandbox()
    settings.YANDEX_OAUTH_URL = running.url
    settings.YANDEX_LOGIN_URL = running.url
    settings.METRIKA_API_URL = running.url
    settings.YANDEX_CLIENT_ID = running.options.client_id
    settings.YANDEX_CLIENT_SECRET = running.options.client_secret
    yield running
    running.close()


@pytest.fixture
def link(cabinet: Cabinet, sandbox: RunningSandbox) -> LinkAccount:
    """Link a person of the sandbox by login, with a live token."""

    def linked(login: str) -> YandexAccount:
        token = sandbox.world.tokens.issue(
            login=login,
            client_id=sandbox.options.client_id,
            scopes="login:info metrika:read metrika:offline_data",
            device_id=f"device-{login}",
        )
        person = sandbox.world.people.find(login)
        assert person is not None
        return factories.make_account(
            cabinet=cabinet,
            login=login,
            yandex_uid=person["uid"],
            access_token=token["access"],
            refresh_token=token["refresh"],
        )

    return linked


@pytest.fixture
def okna(link: LinkAccount) -> YandexAccount:
    return link("okna-stolica")


@pytest.fixture
def signals() -> Iterator[list[Counter]]:
    """The counters of all `counter_changed` signals, each as it was when the signal was sent."""
    received: list[Counter] = []

    def record(counter: Counter, **_rest: object) -> None:
        received.append(copy(counter))

    counter_changed.connect(record, weak=False)
    yield received
    counter_changed.disconnect(record)
