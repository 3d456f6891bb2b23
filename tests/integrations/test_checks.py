"""System checks of linking: errors at the start, errors of a deployment, warnings."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from integrations.checks import refuse_insecure_transport, refuse_missing_credentials


def found(*, deploy: bool = False) -> set[str]:
    messages = run_checks(include_deployment_checks=deploy)
    return {str(message.id) for message in messages if "integrations." in str(message.id)}


@pytest.fixture
def production(settings: Settings) -> Settings:
    settings.YANDEX_OAUTH_URL = "https://oauth.yandex.ru"
    settings.YANDEX_LOGIN_URL = "https://login.yandex.ru"
    settings.METRIKA_API_URL = "https://api-metrika.yandex.net"
    settings.METRIKA_WEB_URL = "https://metrika.yandex.ru"
    settings.YANDEX_REDIRECT_URI = "https://lk.callkeeper.example/lk/integrations/yandex/callback"
    return settings


def test_correct_production_settings_give_no_message(production: Settings) -> None:
    assert found(deploy=True) == set()


@pytest.mark.parametrize("name", ["YANDEX_CLIENT_ID", "YANDEX_CLIENT_SECRET"])
def test_missing_credentials_warn_and_stop_a_deployment(production: Settings, name: str) -> None:
    """S-40"""
    setattr(production, name, "")

    assert found() == {"integrations.W001"}
    assert found(deploy=True) == {"integrations.W001", "integrations.E001"}


def test_missing_credentials_are_allowed_in_debug(production: Settings) -> None:
    production.YANDEX_CLIENT_ID = ""
    production.DEBUG = True

    assert found() == set()


def test_insecure_transport_stops_a_deployment_and_the_start(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-41"""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")

    assert found(deploy=True) == {"integrations.E002"}
    with pytest.raises(ImproperlyConfigured, match="OAUTHLIB_INSECURE_TRANSPORT"):
        refuse_insecure_transport()


def test_process_does_not_start_with_insecure_transport() -> None:
    """S-41: a web server runs no checks, so the process itself is started."""
    environment = os.environ | {
        "YANDEX_OAUTH_URL": "https://oauth.yandex.ru",
        "OAUTHLIB_INSECURE_TRANSPORT": "1",
    }

    run = subprocess.run(
        [sys.executable, "-c", "import callkeeper_metrika.wsgi"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode != 0
    assert "OAUTHLIB_INSECURE_TRANSPORT is set" in run.stderr


REAL = {
    "YANDEX_OAUTH_URL": "https://oauth.yandex.ru",
    "YANDEX_LOGIN_URL": "https://login.yandex.ru",
    "METRIKA_API_URL": "https://api-metrika.yandex.net",
}


@pytest.mark.parametrize("entry", ["callkeeper_metrika.wsgi", "callkeeper_metrika.celery"])
@pytest.mark.parametrize("name", ["YANDEX_CLIENT_ID", "YANDEX_CLIENT_SECRET"])
def test_process_does_not_start_without_credentials(name: str, entry: str) -> None:
    """S-40"""
    script = f"import {entry}, django; django.setup()"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | REAL | {name: ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode != 0
    assert "YANDEX_CLIENT_ID or YANDEX_CLIENT_SECRET is not set" in run.stderr


@pytest.mark.parametrize("case", ["nothing is missing", "debugging", "sandbox"])
def test_start_without_credentials_is_refused_only_where_they_are_needed(
    production: Settings, case: str
) -> None:
    if case == "debugging":
        production.YANDEX_CLIENT_ID, production.DEBUG = "", True
    elif case == "sandbox":
        production.YANDEX_CLIENT_ID = ""
        for name in REAL:
            setattr(production, name, "http://yandex.localhost:8001")

    refuse_missing_credentials()


@pytest.mark.parametrize("is_trial", [True, False])
def test_sandbox_passes_only_where_it_is_said_to_be_a_trial(
    production: Settings, is_trial: bool
) -> None:
    production.SANDBOX_TRIAL = is_trial
    for name in REAL:
        setattr(production, name, "http://yandex.localhost:8001")
    production.YANDEX_REDIRECT_URI = "http://localhost:8000/lk/integrations/yandex/callback"

    refused = {"integrations.E003", "integrations.E004"}
    assert found(deploy=True) == (set() if is_trial else refused)


def test_plain_http_to_the_sandbox_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")

    refuse_insecure_transport()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8010",
        "https://localhost:8010",
        "http://oauth.yandex.ru",
        "https://yandex.ru.evil.example",
        "https://evilyandex.ru",
    ],
)
@pytest.mark.parametrize("name", [*REAL, "METRIKA_WEB_URL"])
def test_address_that_is_not_yandexs_stops_a_deployment(
    production: Settings, name: str, url: str
) -> None:
    """S-36"""
    setattr(production, name, url)

    assert found(deploy=True) == {"integrations.E003"}
    assert found() == set()


def test_redirect_over_plain_http_stops_a_deployment(production: Settings) -> None:
    """S-07"""
    production.YANDEX_REDIRECT_URI = "http://lk.callkeeper.example/lk/integrations/yandex/callback"

    assert found(deploy=True) == {"integrations.E004"}


def test_insufficient_scopes_are_an_error(production: Settings) -> None:
    production.YANDEX_SCOPES = ("login:info", "metrika:read")

    assert found() == {"integrations.E005"}


def test_sessions_in_cookies_are_an_error(production: Settings) -> None:
    """S-06"""
    production.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

    assert found() == {"integrations.E006"}


def test_relaxed_scopes_give_a_warning(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-42"""
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")

    assert found() == {"integrations.W002"}
