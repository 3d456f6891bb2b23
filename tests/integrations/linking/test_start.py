"""The redirect to Yandex. S-numbers are the security requirements of the linking contract."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.sessions import SessionStore
from cabinets import rate_limit
from integrations.linking.rate_limit import PER_PERSON, WINDOW_SECONDS
from integrations.linking.state import MAX_PENDING, RETENTION
from integrations.models import LinkAttempt, YandexAccount
from integrations.yandex.oauth import challenge_for
from tests.integrations.yandex_id import YandexId, start
from tests.paths import ROOT
from tests.rate_limits import enforce_rate_limits

START = "/lk/integrations/yandex/link"


def test_start_is_a_post(owner_client: Client, yandex_id: YandexId) -> None:
    """S-01"""
    answer = owner_client.get(START)

    assert answer.status_code == 405
    assert not LinkAttempt.objects.exists()


def test_start_needs_the_csrf_token(owner: User, yandex_id: YandexId) -> None:
    """S-01"""
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)

    answer = client.post(START)

    assert answer.status_code == 403
    assert not LinkAttempt.objects.exists()


def test_start_needs_a_signed_in_person(db: None, yandex_id: YandexId) -> None:
    """S-02"""
    answer = Client().post(START)

    assert answer["Location"].startswith("/accounts/login/")
    assert not LinkAttempt.objects.exists()


def test_viewer_cannot_start(viewer_client: Client, yandex_id: YandexId) -> None:
    answer = viewer_client.post(START)

    assert answer.status_code == 403
    assert not LinkAttempt.objects.exists()


def test_state_is_long_random_and_new_each_time(owner_client: Client, yandex_id: YandexId) -> None:
    """S-03"""
    states = {start(owner_client)["state"] for _ in range(5)}

    assert len(states) == 5
    assert all(re.fullmatch(r"[\w-]{43}", state) for state in states)


def test_state_is_not_stored(owner_client: Client, yandex_id: YandexId) -> None:
    """S-04"""
    state = start(owner_client)["state"]

    row = LinkAttempt.objects.values().get()
    assert state not in str(row)
    assert row["user_id"]
    assert row["cabinet_id"]


def test_challenge_is_s256_of_the_attempts_verifier(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-05"""
    sent = start(owner_client)

    assert sent["code_challenge_method"] == "S256"
    assert sent["code_challenge"] == challenge_for(LinkAttempt.objects.get().code_verifier)


def test_verifier_stays_on_the_server(owner_client: Client, yandex_id: YandexId) -> None:
    """S-06"""
    answer = owner_client.post(START)

    verifier = LinkAttempt.objects.get().code_verifier
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
    assert verifier not in answer["Location"]
    assert verifier not in str(owner_client.cookies)
    assert verifier not in str(dict(owner_client.session))


def test_redirect_uri_is_the_configured_one(owner_client: Client, yandex_id: YandexId) -> None:
    """S-07, S-08"""
    answer = owner_client.post(
        f"{START}?redirect_uri=https://evil.example/", headers={"host": "localhost"}
    )

    assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Flk%2Fintegrations" in answer["Location"]
    assert "evil" not in answer["Location"]


def test_authorisation_request_has_exactly_the_contracts_parameters(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-09, S-10"""
    sent = start(owner_client)

    attempt = LinkAttempt.objects.get()
    assert set(sent) - {"state", "code_challenge"} == {
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "optional_scope",
        "code_challenge_method",
        "force_confirm",
        "device_id",
        "device_name",
    }
    assert sent["response_type"] == "code"
    assert sent["client_id"] == "test-client-id"
    assert sent["scope"] == "login:info metrika:read metrika:offline_data"
    assert sent["optional_scope"] == "metrika:write"
    assert sent["force_confirm"] == "yes"
    assert sent["device_id"] == attempt.device_id
    assert sent["device_name"] == "CallKeeper"
    assert len(yandex_id.calls) == 0


def test_implicit_grant_is_nowhere_in_the_source() -> None:
    """S-10"""
    sources = [path.read_text() for path in (ROOT / "integrations").rglob("*.py")]

    assert len(sources) > 40
    assert not [text for text in sources if "response_type=token" in text]


def test_two_links_have_devices_of_their_own(owner_client: Client, yandex_id: YandexId) -> None:
    assert start(owner_client)["device_id"] != start(owner_client)["device_id"]


def test_reauthorising_names_the_account_and_keeps_its_device(
    owner_client: Client, account: YandexAccount, yandex_id: YandexId
) -> None:
    sent = start(owner_client, reverse("integrations:link-reauthorise", args=[account.pk]))

    attempt = LinkAttempt.objects.get()
    assert sent["login_hint"] == account.login
    assert sent["device_id"] == account.device_id
    assert attempt.mode == "reauthorise"
    assert attempt.expected_uid == account.yandex_uid


def test_account_of_another_cabinet_is_not_found(
    stranger_client: Client, account: YandexAccount, yandex_id: YandexId
) -> None:
    """S-29"""
    answer = stranger_client.post(reverse("integrations:link-reauthorise", args=[account.pk]))

    assert answer.status_code == 404
    assert not LinkAttempt.objects.exists()


def test_browser_has_ten_pending_attempts_at_most(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-44"""
    first = start(owner_client)["device_id"]
    others = {start(owner_client)["device_id"] for _ in range(MAX_PENDING)}

    kept = set(LinkAttempt.objects.values_list("device_id", flat=True))
    assert kept == others
    assert first not in kept


def test_too_many_starts_are_refused(
    owner_client: Client, yandex_id: YandexId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-44"""
    enforce_rate_limits(monkeypatch)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(PER_PERSON):
            start(owner_client)

        answer = owner_client.post(START)
        clock.shift(timedelta(seconds=WINDOW_SECONDS / PER_PERSON))
        later = owner_client.post(START)

    assert answer.status_code == 429
    assert "Слишком много попыток" in answer.content.decode()
    assert later.status_code == 303


def test_starts_are_allowed_without_redis(
    owner_client: Client,
    yandex_id: YandexId,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limit, "_paused_until", 0.0)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    states = {start(owner_client)["state"] for _ in range(PER_PERSON + 1)}

    assert len(states) == PER_PERSON + 1


def test_old_attempts_are_deleted(owner_client: Client, yandex_id: YandexId) -> None:
    start(owner_client)
    old = LinkAttempt.objects.get()
    LinkAttempt.objects.update(created_at=old.created_at - RETENTION - timedelta(seconds=1))

    start(owner_client)

    assert old.pk not in LinkAttempt.objects.values_list("pk", flat=True)
    assert LinkAttempt.objects.count() == 1


def test_installation_without_an_application_says_so(
    owner_client: Client, yandex_id: YandexId, settings: Settings
) -> None:
    settings.YANDEX_CLIENT_ID = ""

    answer = owner_client.post(START)

    assert answer.status_code == 503
    assert "Интеграция не настроена на стороне сервиса" in answer.content.decode()
    assert not LinkAttempt.objects.exists()


def test_pages_of_linking_cannot_be_framed(owner_client: Client, yandex_id: YandexId) -> None:
    """S-45"""
    for answer in (owner_client.get("/lk/integrations"), owner_client.post(START)):
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"


def test_session_stays_on_the_server(settings: Settings) -> None:
    """S-06"""
    assert settings.SESSION_ENGINE == "accounts.sessions"
    assert issubclass(SessionStore, DatabaseStore)
