"""Yandex answers slowly: pages of the cabinet wait for it, requests with calls do not."""

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
from tests.faults.scenario import Scenario
from tests.ingest_faults.web_server import WebServer, start_web_server

LOGINS = ("okna-stolica", "agency-media", "klinika-ural")
PAGES_OF_EACH = 3
LATENCY_MS = 12_000


def linked(scenario: Scenario) -> list[YandexAccount]:
    """Link accounts of three logins, so that the limit of one login does not keep threads free."""
    accounts = []
    for login in LOGINS:
        accounts.append(scenario.link(login, 0))
        YandexAccount.objects.filter(pk=accounts[-1].pk).update(yandex_uid=f"88{len(accounts)}")
    return accounts


def session_of_owner(scenario: Scenario) -> dict[str, str]:
    client = Client()
    client.force_login(factories.make_member(cabinet=scenario.cabinet, username="boss"))
    return {"sessionid": client.cookies["sessionid"].value}


def post_seconds(web_server: WebServer, scenario: Scenario) -> float:
    began = time.monotonic()
    assert web_server.post([factories.v3_record()], source=scenario.source).status_code == 202
    return time.monotonic() - began


def test_calls_are_accepted_while_pages_wait_for_a_slow_yandex(
    scenario: Scenario, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(servers.PACE, "READ_TIMEOUT_SECONDS", "60")
    addresses = [reverse("counters:add", args=[one.pk]) for one in linked(scenario)] * PAGES_OF_EACH
    cookies = session_of_owner(scenario)
    with (
        start_web_server(environment, tmp_path / "log") as web_server,
        ThreadPoolExecutor(9) as pool,
    ):
        post_seconds(web_server, scenario)
        scenario.sandbox.fault("latency", times=None, ms=LATENCY_MS)
        pages = [
            pool.submit(requests.get, web_server.url + address, cookies=cookies, timeout=60)
            for address in addresses
        ]
        time.sleep(1)

        seconds = [post_seconds(web_server, scenario) for _ in range(5)]

        assert max(seconds) < 1
        answers = [page.result() for page in pages]
    assert {answer.status_code for answer in answers} == {200}
    assert max(answer.elapsed.total_seconds() for answer in answers) < LATENCY_MS / 1000
