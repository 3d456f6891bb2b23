from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from callkeeper_metrika.celery import app
from tests.paths import ROOT

# Set by the compose file itself, or unused in production.
NOT_FOR_COMPOSE = {"COMPRESS_STATIC", "DEBUG", "DEMO_LOGIN_HINT", "PLAIN_STATIC", "STATIC_ROOT"}
PRODUCT = ("migrate", "web", "worker", "sender", "beat")
SERVICES = (*PRODUCT, "db", "redis", "sandbox")


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
    return set(re.findall(r'env_\w+\(\s*"([A-Z_]+)"', settings_text()))


def secrets_in_settings() -> set[str]:
    """Return the variables that may be given as a file."""
    reading = r'env_(?:secret|keys|database)\(\s*"([A-Z_]+)"'
    return set(re.findall(reading, settings_text()))


def settings_text() -> str:
    modules = (ROOT / "callkeeper_metrika").glob("*settings.py")
    return "\n".join(one.read_text(encoding="utf-8") for one in modules)


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

    named = {volume.partition(":")[0] for volume in mounted if not volume.startswith("$")}
    assert named == set(content["volumes"])
    assert set(content["services"]) == set(SERVICES)
    assert set(awaited) <= set(content["services"])
    assert all("image" in service or "build" in service for service in services)


def test_every_service_gets_every_variable() -> None:
    services = compose_file()["services"]

    for name in PRODUCT:
        missing = names_in_settings() - set(services[name]["environment"])
        # Only the owner of the tables needs to know how the others sign in.
        assert missing - {"APP_DATABASE_URL"} == NOT_FOR_COMPOSE
        assert ("APP_DATABASE_URL" in missing) is (name != "migrate")


def test_every_secret_may_come_from_a_file() -> None:
    services = compose_file()["services"]

    for name in PRODUCT:
        environment = services[name]["environment"]
        given = secrets_in_settings() & set(environment)
        assert len(given) >= 9
        for secret in given:
            assert re.fullmatch(r"\$\{[A-Z_]+_FILE:-\}", environment[f"{secret}_FILE"])
        assert any(volume.endswith(":/run/secrets:ro") for volume in services[name]["volumes"])
    for name, secret in (("db", "POSTGRES_PASSWORD"), ("redis", "REDIS_PASSWORD")):
        assert services[name]["environment"][f"{secret}_FILE"] == f"${{{secret}_FILE:-}}"


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
    """Each is a variable without a default, and a message where neither it nor its file is set."""
    services = compose_file()["services"]
    needed = ("SECRET_KEY", "SEALING_KEYS", "YANDEX_CLIENT_SECRET", "DATABASE_URL", "REDIS_URL")

    for name in PRODUCT:
        environment = services[name]["environment"]
        for secret in needed:
            assert environment[secret].count("_FILE:?see .env.example}}") == 1


def test_services_connect_as_a_role_that_owns_nothing() -> None:
    services = compose_file()["services"]
    app, owner = "postgres://callkeeper_app:${APP_P", "postgres://callkeeper:${POSTGRES_P"

    for name in PRODUCT:
        expected = owner if name == "migrate" else app
        assert services[name]["environment"]["DATABASE_URL"].startswith(expected)
    migrate = services["migrate"]
    assert migrate["environment"]["APP_DATABASE_URL"].startswith(app)
    steps = re.findall(r"manage.py (\w+)", migrate["command"])
    assert steps == ["check", "migrate", "grant_app_role"]
    assert services["db"]["environment"]["POSTGRES_USER"] == "callkeeper"


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_hardened_and_bounded(name: str) -> None:
    service = compose_file()["services"][name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert any(one.startswith("/tmp") for one in service["tmpfs"])
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["cpus"] > 0
    assert service["pids_limit"] > 0
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    rights = {"db": 5, "redis": 4}
    assert len(service.get("cap_add", [])) == rights.get(name, 0)
    assert service.get("privileged") is None
    assert all("docker.sock" not in volume for volume in service["volumes"])


def test_database_has_shared_memory_for_parallel_queries() -> None:
    assert compose_file()["services"]["db"]["shm_size"] == "256m"


def test_what_the_installation_knows_of_itself_is_in_a_volume() -> None:
    for name in PRODUCT:
        service = compose_file()["services"][name]
        folder, _slash, _file = service["environment"]["INSTALLATION_FILE"].rpartition("/")
        assert f"installation:{folder}" in service["volumes"]


def dockerfile_stages() -> dict[str, str]:
    """Return the text of each stage by its name."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    parts = re.split(r"^FROM \S+ AS (\w+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_image_of_the_product_is_the_default_and_has_no_devtools() -> None:
    stages = dockerfile_stages()

    assert list(stages) == ["base", "source", "sandbox", "product"]
    assert "COPY . /source\nRUN rm -rf /source/devtools\n" in stages["source"]
    copied = re.findall(r"^COPY (.+)$", stages["product"], re.MULTILINE)
    assert copied == ["requirements.txt constraints.txt ./", "--from=source /source ."]
    assert "devtools" not in stages["product"]
    assert re.findall(r"^COPY (\S+)", stages["sandbox"], re.MULTILINE) == [
        "devtools/__init__.py",
        "devtools/sandbox",
    ]
    for name in ("sandbox", "product"):
        assert "\nUSER callkeeper\n" in stages[name]


def test_services_use_the_target_of_their_own() -> None:
    for name, service in compose_file()["services"].items():
        if "build" in service:
            target = "sandbox" if name == "sandbox" else "product"
            assert service["build"] == {"context": ".", "target": target}
            assert service["image"].endswith("-sandbox") is (target == "sandbox")


def test_no_secret_and_no_data_get_into_an_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")

    assert {".git", ".env", ".env.*", ".data", ".venv", "secrets", "var", "tests"} <= set(ignored)
    assert not {"devtools", "devtools/sandbox", "devtools/__init__.py"} & set(ignored)


def test_sandbox_runs_without_the_product(tmp_path: Path) -> None:
    """Its image has neither our packages nor what they need."""
    shutil.copytree(ROOT / "devtools" / "sandbox", tmp_path / "devtools" / "sandbox")
    shutil.copy(ROOT / "devtools" / "__init__.py", tmp_path / "devtools")

    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import sys; sys.path.insert(0, '.'); "
         "import devtools.sandbox.server"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip

    assert (run.returncode, run.stderr) == (0, "")
