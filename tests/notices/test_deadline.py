"""A receiver that answers slowly for ever does not hold the sender longer than the deadline."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest
import requests
from django.test import Client
from pytest_django import Settings

from cabinets.models import Cabinet
from notices.media import webhook
from notices.media.addresses import session
from notices.models import NoticeMessage, NoticeWebhook
from tests.notices.dripping import dripping, write_certificate
from tests.notices.http_sink import HttpSink
from tests.notices.test_webhook import PAGE, save

SECONDS = 0.2
#: Far below the timeout of a read, far above what a loaded machine needs.
AT_MOST = 15
HEADERS = b"HTTP/1.1 200 OK\r\nx-slow: "
BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"


@pytest.mark.parametrize("start", [b"", HEADERS, BODY], ids=["status", "headers", "body"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_answer_that_drips_is_ended_at_the_deadline(
    settings: Settings, tmp_path: Path, scheme: str, start: bytes
) -> None:
    settings.NOTICE_WEBHOOK_PRIVATE = True
    tls = write_certificate(tmp_path / "certificate.pem") if scheme == "https" else None
    began = time.monotonic()

    with dripping(start, tls=tls) as url, session(seconds=SECONDS) as client:
        with pytest.raises((requests.Timeout, requests.ConnectionError)):
            client.post(url, data=b"{}", timeout=60, verify=str(tls) if tls else True)
        took = time.monotonic() - began

    assert SECONDS <= took < AT_MOST


def test_handshake_that_never_ends_is_ended_at_the_deadline(settings: Settings) -> None:
    settings.NOTICE_WEBHOOK_PRIVATE = True
    began = time.monotonic()

    with dripping(b"\x16\x03\x03\x40\x00") as url, session(seconds=SECONDS) as client:
        with pytest.raises((requests.Timeout, requests.ConnectionError)):
            client.post(url.replace("http:", "https:"), data=b"{}", timeout=60)
        took = time.monotonic() - began

    assert SECONDS <= took < AT_MOST


def test_name_that_is_looked_up_for_ever_is_ended_at_the_deadline(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.NOTICE_WEBHOOK_PRIVATE = True
    is_over, began = threading.Event(), time.monotonic()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_given, **_named: is_over.wait())

    with session(seconds=SECONDS) as client, pytest.raises(requests.ConnectionError):
        client.post("https://slow.example/hook", data=b"{}", timeout=60)
    took = time.monotonic() - began
    is_over.set()

    assert SECONDS <= took < AT_MOST


def test_trial_of_a_slow_receiver_is_told_and_the_next_trial_arrives(
    http: HttpSink, owner_client: Client, cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "SECONDS", SECONDS)
    save(owner_client, http.url, cabinet)
    form = {"cabinet": cabinet.pk}

    with dripping(HEADERS) as url:
        owner_client.post(PAGE, form | {"url": url})
        slow = owner_client.post(f"{PAGE}/trial", form, follow=True).content.decode()
    monkeypatch.setattr(webhook, "SECONDS", AT_MOST)
    owner_client.post(PAGE, form | {"url": http.url})
    quick = owner_client.post(f"{PAGE}/trial", form, follow=True).content.decode()

    assert "Пробное уведомление не подтверждено. Адрес не ответил за 20 секунд." in slow
    assert "Пробное уведомление доставлено: адрес его принял." in quick
    assert NoticeWebhook.objects.get().last_error == ""
    assert (len(http.requests), NoticeMessage.objects.count()) == (1, 0)
