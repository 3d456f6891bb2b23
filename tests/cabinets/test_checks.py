"""`manage.py check --deploy`: what stops a deployment, and the trial with the sandbox."""

from __future__ import annotations

import base64
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import ERROR, run_checks
from pytest_django import Settings

from tests.paths import ROOT

RANDOM_KEY = base64.urlsafe_b64encode(bytes(range(100, 132))).decode()
TEXT_KEY = base64.urlsafe_b64encode(b"only-for-the-build.".ljust(32, b".")).decode()
SAFE: dict[str, Any] = {
    "DEBUG": False,
    "SECRET_KEY": "kTq7vXo2RcLw9ZsYb4NfHd1JgPmEuAi8KxVtQ6rB3yCn5MhWe0DzSlGpOaUj",
    "SEALING_KEYS": [RANDOM_KEY],
    "PUBLIC_URL": "https://metrika.callkeeper.ru",
    "ALLOWED_HOSTS": ["metrika.callkeeper.ru", "localhost"],
    "YANDEX_OAUTH_URL": "https://oauth.yandex.ru",
    "YANDEX_LOGIN_URL": "https://login.yandex.ru",
    "METRIKA_API_URL": "https://api-metrika.yandex.net",
    "METRIKA_WEB_URL": "https://metrika.yandex.ru",
    "YANDEX_REDIRECT_URI": "https://metrika.callkeeper.ru/lk/integrations/yandex/callback",
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31536000,
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "METRICS_TOKEN": "uX4nQz8LrT1vBw6YkD3e",
    "SANDBOX_TRIAL": False,
}
#: .env.example of a trial.
TRIAL: dict[str, Any] = {
    "SANDBOX_TRIAL": True,
    "PUBLIC_URL": "http://localhost:8000",
    "ALLOWED_HOSTS": ["localhost"],
    "YANDEX_REDIRECT_URI": "http://localhost:8000/lk/integrations/yandex/callback",
    "YANDEX_OAUTH_URL": "http://yandex.localhost:8001",
    "YANDEX_LOGIN_URL": "http://yandex.localhost:8001",
    "METRIKA_API_URL": "http://yandex.localhost:8001",
    "METRIKA_WEB_URL": "http://yandex.localhost:8001",
    "SECURE_PROXY_SSL_HEADER": None,
    "SECURE_SSL_REDIRECT": False,
    "SECURE_HSTS_SECONDS": 0,
    "SESSION_COOKIE_SECURE": False,
    "CSRF_COOKIE_SECURE": False,
    "METRICS_TOKEN": "",
}

#: (settings that differ, ids of the errors)
CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"DEBUG": True}, {"cabinets.E001"}),
    ({"SECRET_KEY": SAFE["SECRET_KEY"][:49]}, {"cabinets.E002"}),
    ({"SECRET_KEY": SAFE["SECRET_KEY"][:50]}, set()),
    ({"SECRET_KEY": "abc" * 20}, {"cabinets.E002"}),
    ({"SECRET_KEY": "django-insecure-" + SAFE["SECRET_KEY"]}, {"cabinets.E002"}),
    ({"SECRET_KEY": "ChangeMe" + SAFE["SECRET_KEY"]}, {"cabinets.E002"}),
    ({"SEALING_KEYS": [TEXT_KEY]}, {"cabinets.E003"}),
    ({"SEALING_KEYS": [RANDOM_KEY, base64.urlsafe_b64encode(b"\0" * 32)]}, {"cabinets.E003"}),
    ({"ALLOWED_HOSTS": ["*"]}, {"cabinets.E004"}),
    ({"ALLOWED_HOSTS": ["other.callkeeper.ru"]}, {"cabinets.E006"}),
    ({"ALLOWED_HOSTS": [".callkeeper.ru"]}, set()),
    ({"PUBLIC_URL": "http://metrika.callkeeper.ru"}, {"cabinets.E005"}),
    ({"SECURE_PROXY_SSL_HEADER": None}, {"cabinets.E007"}),
    ({"SECURE_SSL_REDIRECT": False}, {"cabinets.E007"}),
    ({"SECURE_HSTS_SECONDS": 0}, {"cabinets.E007"}),
    ({"SESSION_COOKIE_SECURE": False}, {"cabinets.E007"}),
    ({"CSRF_COOKIE_SECURE": False}, {"cabinets.E007"}),
    ({"METRICS_TOKEN": ""}, {"cabinets.E008"}),
    ({"METRICS_TOKEN": SAFE["METRICS_TOKEN"][:19]}, {"cabinets.E008"}),
    (TRIAL, set()),
    (TRIAL | {"DEBUG": True}, {"cabinets.E001"}),
    (TRIAL | {"SECRET_KEY": "short"}, {"cabinets.E002"}),
    (TRIAL | {"ALLOWED_HOSTS": ["*"]}, {"cabinets.E004"}),
    (TRIAL | {"PUBLIC_URL": "https://metrika.callkeeper.ru"}, {"cabinets.E006", "cabinets.E010"}),
    (TRIAL | {"METRIKA_API_URL": "https://api-metrika.yandex.net"}, {"cabinets.E010"}),
    (TRIAL | {"YANDEX_LOGIN_URL": "http://10.0.0.7:8001"}, {"cabinets.E010"}),
    ({"SANDBOX_TRIAL": True}, {"cabinets.E010"}),
    (
        {name: TRIAL[name] for name in TRIAL if name != "SANDBOX_TRIAL"},
        {"cabinets.E005", "cabinets.E007", "cabinets.E008"}
        | {"integrations.E003", "integrations.E004"},
    ),
]


def errors() -> dict[str, str]:
    """Return {id: hint} of the errors of `check --deploy`."""
    found = run_checks(include_deployment_checks=True)
    return {str(one.id): str(one.hint) for one in found if one.level >= ERROR}


@pytest.fixture(autouse=True)
def no_browser_in_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser test that ran before in this process leaves a variable that Django warns about."""
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE", raising=False)


@pytest.fixture
def deployed(settings: Settings, tmp_path: Path) -> Settings:
    settings.INSTALLATION_FILE = tmp_path / "volume" / "installation.json"
    for name, value in SAFE.items():
        setattr(settings, name, value)
    return settings


@pytest.mark.parametrize(("changed", "ids"), CASES)
def test_unsafe_setting_is_an_error_with_a_hint(
    deployed: Settings, changed: dict[str, Any], ids: set[str]
) -> None:
    for name, value in changed.items():
        setattr(deployed, name, value)

    found = errors()

    assert set(found) == ids
    assert all(hint and hint != "None" for hint in found.values())


def test_installation_file_must_be_writable(deployed: Settings, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    for path in (tmp_path, in_the_way / "installation.json"):
        deployed.INSTALLATION_FILE = path
        assert set(errors()) == {"cabinets.E009"}

    deployed.INSTALLATION_FILE = in_the_way
    assert errors() == {}


def trial_of_the_example() -> dict[str, str]:
    """Return the variables of the last section of .env.example."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    section = example.partition("# --- To try docker compose")[2]
    return dict(re.findall(r"^# ([A-Z_]+)=(.*)$", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"PUBLIC_URL": "https://metrika.callkeeper.ru"}, ["E006", "E010"]),
        ({"SANDBOX_TRIAL": "", "SECRET_KEY": "short"}, ["E002", "E005", "E007", "E008"]),
    ],
)
def test_command_judges_the_trial_of_the_example(
    changed: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    """Each case in a process of its own: many settings follow from others."""
    own = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "SEALING_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "INSTALLATION_FILE": str(tmp_path / "installation.json"),
        "METRICS_TOKEN": "",
    }
    run = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=ROOT,
        env=os.environ | own | trial_of_the_example() | changed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert re.findall(r"cabinets\.(E\d+)", run.stderr) == expected
    assert (run.returncode != 0) is bool(expected)
