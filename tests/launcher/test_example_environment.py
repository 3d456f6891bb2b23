from __future__ import annotations

import re

import yaml

from tests.launcher.conftest import ROOT

# Decided by the compose file itself, or of no use in production.
NOT_FOR_COMPOSE = {"DEBUG", "DEMO_LOGIN_HINT", "PLAIN_STATIC", "STATIC_ROOT"}


def names_in_settings() -> set[str]:
    text = (ROOT / "callkeeper_metrika" / "settings.py").read_text(encoding="utf-8")
    return set(re.findall(r'env_\w+\(\s*"([A-Z_]+)"', text))


def test_every_variable_of_the_settings_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")

    described = set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))

    assert names_in_settings() - described == set()


def test_every_service_is_told_every_variable() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]

    for name in ("migrate", "web", "worker", "beat"):
        assert names_in_settings() - set(services[name]["environment"]) == NOT_FOR_COMPOSE


def test_compose_file_holds_no_secret() -> None:
    environment = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))[
        "x-product"
    ]["environment"]

    secrets = ("SECRET_KEY", "SEALING_KEYS", "YANDEX_CLIENT_SECRET", "DATABASE_URL", "REDIS_URL")

    assert [name for name in secrets if ":?see .env.example}" not in environment[name]] == []
