"""`/healthz`, `/readyz`, `/metrics`: each failing dependency is named, none causes a 500."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.models import UploadAttempt
from calls.runtime import heartbeat
from counters.models import Counter
from integrations.models import RequestDay
from tests.calls.ledger import make_upload
from tests.calls.stored import store_call

UNREACHABLE = "redis://127.0.0.1:9/0"


@pytest.fixture(autouse=True)
def no_mark() -> None:
    cache.delete(heartbeat.KEY)


def test_alive_needs_no_dependency(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok")


def test_ready_when_all_checks_are_ok(client: Client, db: None) -> None:
    heartbeat.beat()

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": {
            "database": "ok",
            "broker": "ok",
            "beat": "ok",
            "backlog": "ok",
            "installation": "ok",
        },
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
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": UNREACHABLE}}


def test_not_ready_without_broker(client: Client, db: None, no_broker: None) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == "failed: ConnectionError"
    assert answer.json()["checks"]["database"] == "ok"


def backlog(client: Client) -> str:
    answer: str = client.get("/readyz").json()["checks"]["backlog"]
    return answer


@pytest.mark.contract("B20")
def test_not_ready_when_nothing_moves_for_two_minutes(
    client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    heartbeat.beat()
    now = timezone.now()
    upload = make_upload(counter=counter, state="ready", uploading_id=None, not_before=now)

    with time_machine.travel(now + timedelta(seconds=119), tick=False):
        assert backlog(client) == "ok"
    with time_machine.travel(now + timedelta(seconds=121), tick=False):
        assert backlog(client).startswith("work has been due since")
        assert backlog(client).endswith(": send")
        assert client.get("/readyz").status_code == 503

        UploadAttempt.objects.create(upload=upload, number=1, started_at=now)
        assert backlog(client) != "ok"
        UploadAttempt.objects.update(ended_at=now + timedelta(seconds=2))
        assert backlog(client) == "ok"


def test_not_ready_when_the_workers_cannot_keep_up(
    client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    now = timezone.now()
    upload = make_upload(counter=counter, state="ready", uploading_id=None, not_before=now)
    much_later = now + timedelta(minutes=10, seconds=1)
    UploadAttempt.objects.create(upload=upload, number=1, started_at=much_later)

    with time_machine.travel(much_later - timedelta(seconds=2), tick=False):
        assert backlog(client) == "ok"
    with time_machine.travel(much_later, tick=False):
        assert backlog(client) != "ok"


def test_ready_while_waiting_work_is_not_due(
    client: Client, cabinet: Cabinet, counter: Counter, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 1800
    now = timezone.now()
    store_call(cabinet=cabinet)
    make_upload(counter=counter, state="ready", uploading_id=None, not_before=now)
    login = counter.account.yandex_uid
    RequestDay.objects.create(
        yandex_uid=login, day=now.date(), paused_until=now + timedelta(hours=5)
    )

    with time_machine.travel(now + timedelta(minutes=25), tick=False):
        assert backlog(client) == "ok"
        assert b"callkeeper_oldest_due_seconds 0.0" in client.get("/metrics").content

        RequestDay.objects.update(paused_until=now + timedelta(minutes=20))
        assert backlog(client) != "ok"
        assert b"callkeeper_oldest_due_seconds 300.0" in client.get("/metrics").content


def test_ready_while_work_waits_for_a_person(
    client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    call = store_call(cabinet=cabinet)
    call.deliveries.update(not_before=timezone.now() - timedelta(minutes=11))
    assert backlog(client).endswith(": build")

    Counter.objects.filter(pk=counter.pk).update(enabled=False)
    assert backlog(client) == "ok"


def test_metrics_need_the_token_when_one_is_set(
    client: Client, db: None, settings: Settings
) -> None:
    settings.METRICS_TOKEN = "only-for-tests"

    assert client.get("/metrics").status_code == 404
    allowed = client.get("/metrics", headers={"Authorization": "Bearer only-for-tests"})
    assert allowed.status_code == 200
    assert b'callkeeper_uploads{state="unclear"} 0.0' in allowed.content


def test_metrics_without_a_token_answer_this_host_only(client: Client, db: None) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 404


def test_metrics_work_without_broker(client: Client, db: None, no_broker: None) -> None:
    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert b"callkeeper_heartbeat_age_seconds -1.0" in answer.content
    assert b"callkeeper_manifests_failed -1.0" in answer.content
    assert b'callkeeper_uploads{state="unclear"} 0.0' in answer.content
    assert b"callkeeper_metrika_clock_ahead_seconds 0.0" in answer.content


def test_broker_that_never_answers_does_not_delay_metrics(
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


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_who_watches_this_machine_needs_no_tls(
    client: Client, settings: Settings, db: None, path: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert client.get(path).status_code != 301
    assert client.get("/accounts/login/").status_code == 301
