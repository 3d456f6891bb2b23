"""Fixtures of the notices: a clock, a real SMTP server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from pytest_django import Settings

from tests.notices.http_sink import HttpSink, running_http_sink
from tests.notices.smtp_sink import SmtpSink, running_sink

#: Monday morning in Moscow (10:00).
NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def mail(settings: Settings) -> Iterator[SmtpSink]:
    with running_sink(settings) as sink:
        yield sink


@pytest.fixture
def http(settings: Settings) -> Iterator[HttpSink]:
    settings.NOTICE_WEBHOOK_PRIVATE = True
    with running_http_sink() as sink:
        settings.TELEGRAM_API_URL = sink.url
        yield sink
