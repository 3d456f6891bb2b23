from __future__ import annotations

import re
from collections import Counter
from typing import Any

import yaml

from callkeeper_metrika.celery import app
from tests.paths import ROOT

# Set by the compose file itself, or unused in production.
NOT_FOR_COMPOSE = {"COMPRESS_STATIC", "DEBUG", "DEMO_LOGIN_HINT", "PLAIN_STATIC", "STATIC_ROOT"}


class StrictLoader(yaml.SafeLoader):
    """A loader that, as docker compose does, refuses a repeated key in a mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        named = Counter(key.value for key, _value in node.value if key.value != "<<")
        assert [name for name, times in named.items() if times > 1] == []
        return super().construct_mapping(node, deep)


def compose_file() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.load(text, StrictLoader)
    return content


def names_in_settings() -> set[str]:
    text = (ROOT / "callkeeper_metrika" / "settings.py").read_text(encoding="utf-8")
    return set(re.findall(r'env_\w+\(\s*"([A-Z_]+)"', text))


def test_every_variable_of_the_settings_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")

    described = set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))

    assert names_in_settings() - described == set()


def test_example_names_each_default_once() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    settings, _line, _sandbox = example.partition("# --- To try docker compose")

    named = Counter(re.findall(r"^(?:# )?([A-Z_]+)=", settings, re.MULTILINE))

    assert [name for name, times in named.items() if times > 1] == []


def test_compose_file_names_what_it_uses() -> None:
    content = compose_file()
    services = content["services"].values()

    mounted = [volume for service in services for volume in service.get("volumes", [])]
    awaited = [name for service in services for name in service.get("depends_on", {})]

    assert {volume.partition(":")[0] for volume in mounted} == set(content["volumes"])
    assert set(awaited) <= set(content["services"])
    assert all("image" in service or "build" in service for service in services)


def test_every_service_gets_every_variable() -> None:
    services = compose_file()["services"]

    for name in ("migrate", "web", "worker", "sender", "beat"):
        assert names_in_settings() - set(services[name]["environment"]) == NOT_FOR_COMPOSE


def test_workers_of_the_compose_file_consume_every_queue() -> None:
    commands = [service.get("command", "") for service in compose_file()["services"].values()]

    consumed = re.findall(r"celery .* worker --queues=(\w+)", "\n".join(map(str, commands)))

    assert sorted(consumed) == sorted(app.amqp.queues.consume_from)


def test_unsafe_setting_stops_the_migration_and_so_every_service() -> None:
    services = compose_file()["services"]

    assert "manage.py check --deploy && " in services["migrate"]["command"]
    for name in ("web", "worker", "sender", "beat"):
        condition = services[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"


def test_compose_file_holds_no_secret() -> None:
    environment = compose_file()["x-product"]["environment"]

    secrets = ("SECRET_KEY", "SEALING_KEYS", "YANDEX_CLIENT_SECRET", "DATABASE_URL", "REDIS_URL")

    assert [name for name in secrets if ":?see .env.example}" not in environment[name]] == []
