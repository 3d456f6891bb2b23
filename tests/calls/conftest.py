"""The sandbox with a linked account and counter, and a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from counters.models import Counter
from devtools.sandbox import RunningSandbox, start_sandbox
from tests import factories
from tests.devtools.sandbox.actor import COUNTER, Actor, control


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[RunningSandbox]:
    """Start the sandbox; an uploading is processed after an hour of the sandbox's clock."""
    running = start_sandbox(ripen_seconds=3600)
    settings.YANDEX_OAUTH_URL = running.url
    settings.YANDEX_LOGIN_URL = running.url
    settings.METRIKA_API_URL = running.url
    settings.YANDEX_CLIENT_ID = running.options.client_id
    settings.YANDEX_CLIENT_SECRET = running.options.client_secret
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    yield running
    running.close()


@pytest.fixture
def clock(sandbox: RunningSandbox, settings: Settings) -> Iterator[time_machine.Traveller]:
    """Stop the clock; the request rate per second is raised, since a test may send many at once."""
    settings.METRIKA_REQUESTS_PER_SECOND = 1000
    control(sandbox, "quotas", per_second=1000)
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def working_day(clock: time_machine.Traveller) -> time_machine.Traveller:
    """Stop the clock tomorrow at ten by Metrika's clock, so that its day has some hours left."""
    tomorrow = timezone.now() + timedelta(days=1)
    clock.move_to(tomorrow.replace(hour=10, minute=0))
    return clock


@pytest.fixture
def metrika(sandbox: RunningSandbox) -> Iterator[Actor]:
    """The owner of the sandbox's counters, linked with all permissions."""
    person = Actor(sandbox)
    person.link()
    yield person
    person.browser.close()


@pytest.fixture
def linked_counter(cabinet: Cabinet, metrika: Actor) -> Counter:
    """A counter of the sandbox, linked through the owner's account."""
    account = factories.make_account(
        cabinet=cabinet, access_token=metrika.token, refresh_token="", yandex_uid="1100000001"
    )
    return factories.make_counter(account=account, number=COUNTER)
