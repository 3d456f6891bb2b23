"""Alive, ready, and the numbers: each fault is named, none of them crashes the answer."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from calls import heartbeat
from counters.models import Counter
from tests.calls.stored import store_call

NOBODY = "redis://127.0.0.1:9/0"


@pytest.fixture(autouse=True)
def no_mark() -> None:
    cache.delete(heartbeat.KEY)


def test_alive_asks_nobody(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok")


def test_ready_when_everything_is_well(client: Client, db: None) -> None:
    heartbeat.beat()

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": {"database": "ok", "broker": "ok", "beat": "ok", "backlog": "ok"},
    }


def test_not_ready_without_beat(client: Client, db: None) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["beat"] == "no mark yet"


def test_not_ready_when_the_mark_is_old(client: Client, db: None) -> None:
    old = timezone.now() - timedelta(seconds=heartbeat_limit() + 5)
    cache.set(heartbeat.KEY, old.isoformat())

    answer = client.get("/readyz")

    assert answer.json()["checks"]["beat"].startswith("last mark 6")


def heartbeat_limit() -> int:
    from callkeeper_metrika.health import HEARTBEAT_LIMIT_SECONDS

    return HEARTBEAT_LIMIT_SECONDS


@pytest.fixture
def no_broker(settings: Settings) -> None:
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": NOBODY}}


def test_not_ready_without_broker(client: Client, db: None, no_broker: None) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == "failed: ConnectionError"
    assert answer.json()["checks"]["database"] == "ok"


def test_not_ready_when_due_work_lies_about(
    client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    heartbeat.beat()
    call = store_call(cabinet=cabinet)
    call.deliveries.update(not_before=timezone.now() - timedelta(minutes=11))

    assert client.get("/readyz").json()["checks"]["backlog"].startswith("work has been due since")

    Counter.objects.filter(pk=counter.pk).update(enabled=False)
    assert client.get("/readyz").json()["checks"]["backlog"] == "ok"


def test_metrics_need_the_token_when_one_is_set(
    client: Client, db: None, settings: Settings
) -> None:
    settings.METRICS_TOKEN = "only-for-tests"

    assert client.get("/metrics").status_code == 404
    allowed = client.get("/metrics", headers={"Authorization": "Bearer only-for-tests"})
    assert allowed.status_code == 200
    assert b'callkeeper_uploads{state="unclear"} 0.0' in allowed.content


def test_metrics_without_a_token_are_for_this_machine(client: Client, db: None) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 404


def test_metrics_go_on_without_broker(client: Client, db: None, no_broker: None) -> None:
    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert b"callkeeper_heartbeat_age_seconds -1.0" in answer.content
    assert b'callkeeper_uploads{state="unclear"} 0.0' in answer.content
    assert b"callkeeper_metrika_clock_ahead_seconds 0.0" in answer.content


def test_broker_that_swallows_packets_holds_no_page(
    client: Client, db: None, settings: Settings
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": url}}
        began = time.monotonic()

        answer = client.get("/metrics")

    assert answer.status_code == 200
    assert b"callkeeper_heartbeat_age_seconds -1.0" in answer.content
    assert time.monotonic() - began < 4
