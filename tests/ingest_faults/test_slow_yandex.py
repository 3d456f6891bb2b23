"""Yandex answers after a while: people's pages wait for it, calls that come in do not."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from django.test import Client
from django.urls import reverse

from integrations.models import YandexAccount
from tests import factories
from tests.faults import servers
from tests.faults.stage import Stage
from tests.ingest_faults.web_server import Door, open_door

PEOPLE = ("okna-stolica", "agency-media", "klinika-ural")
PAGES_OF_EACH = 3
LATENCY_MS = 12_000


def linked(stage: Stage) -> list[YandexAccount]:
    """Accounts of three logins, so that no limit of one login spares the threads."""
    accounts = []
    for login in PEOPLE:
        accounts.append(stage.link(login, 0))
        YandexAccount.objects.filter(pk=accounts[-1].pk).update(yandex_uid=f"88{len(accounts)}")
    return accounts


def session_of_owner(stage: Stage) -> dict[str, str]:
    client = Client()
    client.force_login(factories.make_member(cabinet=stage.cabinet, username="boss"))
    return {"sessionid": client.cookies["sessionid"].value}


def post_seconds(door: Door, stage: Stage) -> float:
    began = time.monotonic()
    assert door.post([factories.v3_record()], source=stage.source).status_code == 202
    return time.monotonic() - began


def test_calls_come_in_while_pages_wait_for_a_slow_yandex(
    stage: Stage, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(servers.PACE, "READ_TIMEOUT_SECONDS", "60")
    addresses = [reverse("counters:add", args=[one.pk]) for one in linked(stage)] * PAGES_OF_EACH
    cookies = session_of_owner(stage)
    with open_door(environment, tmp_path / "log") as door, ThreadPoolExecutor(9) as people:
        post_seconds(door, stage)
        stage.sandbox.fault("latency", times=None, ms=LATENCY_MS)
        pages = [
            people.submit(requests.get, door.url + address, cookies=cookies, timeout=60)
            for address in addresses
        ]
        time.sleep(1)

        seconds = [post_seconds(door, stage) for _ in range(5)]

        assert max(seconds) < 1
        answers = [page.result() for page in pages]
    assert {answer.status_code for answer in answers} == {200}
    assert max(answer.elapsed.total_seconds() for answer in answers) < LATENCY_MS / 1000
