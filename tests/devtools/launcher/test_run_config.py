from __future__ import annotations

from pathlib import Path

from devtools.launcher.local_secrets import load_or_create_secrets
from devtools.launcher.run_config import RunConfig, read_run_config

SERVERS = {"DATABASE_URL": "postgres://own", "REDIS_URL": "redis://own"}


def make_config(tmp_path: Path, free_port: int, **given: str) -> RunConfig:
    return read_run_config({"DATA_DIR": str(tmp_path), "PORT": str(free_port), **given})


def environment(config: RunConfig) -> dict[str, str]:
    return config.environment(load_or_create_secrets(config.data / "secrets.json"), SERVERS)


def test_empty_environment_starts_every_server(tmp_path: Path, free_port: int) -> None:
    config = make_config(tmp_path, free_port)

    resulting = environment(config)

    assert (config.starts_database, config.starts_broker, config.wants_demo_data) == (True,) * 3
    assert resulting["PUBLIC_URL"] == f"http://127.0.0.1:{free_port}"
    assert resulting["METRIKA_API_URL"] == resulting["YANDEX_OAUTH_URL"] == config.sandbox_url
    assert resulting["METRIKA_WEB_URL"] == config.sandbox_url
    assert resulting["CALLKEEPER_API_URL"] == f"{config.sandbox_url}/api/"
    assert resulting["YANDEX_OPTIONAL_SCOPES"] == "metrika:write"
    assert resulting["INSTALLATION_FILE"] == str(config.data / "installation.json")
    assert resulting["DATABASE_URL"] == "postgres://own"
    assert resulting["UPLOAD_MIN_WAIT_SECONDS"] == "5"
    assert resulting["COMPRESS_STATIC"] == "0"
    assert "DEBUG" not in resulting


def test_given_values_are_kept(tmp_path: Path, free_port: int) -> None:
    config = make_config(
        tmp_path, free_port, DATABASE_URL="postgres://given", POLL_SECONDS="60", DEMO_DATA="0"
    )

    resulting = environment(config)

    assert (config.starts_database, config.starts_broker, config.wants_demo_data) == (
        False,
        True,
        False,
    )
    assert resulting["DATABASE_URL"] == "postgres://given"
    assert resulting["POLL_SECONDS"] == "60"


def test_secret_given_as_a_file_is_not_replaced(tmp_path: Path, free_port: int) -> None:
    (tmp_path / "id").write_text("application\n")
    config = make_config(tmp_path, free_port, YANDEX_CLIENT_ID_FILE=str(tmp_path / "id"))

    resulting = environment(config)

    assert "YANDEX_CLIENT_ID" not in resulting
    assert resulting["SANDBOX_CLIENT_ID"] == "application"


def test_no_sandbox_beside_another_yandex(tmp_path: Path, free_port: int) -> None:
    config = make_config(tmp_path, free_port, METRIKA_API_URL="http://127.0.0.1:9")

    assert config.sandbox_url is None
    assert config.wants_demo_data is False
    assert {"YANDEX_OAUTH_URL", "METRIKA_WEB_URL", "CALLKEEPER_API_URL"}.isdisjoint(
        environment(config)
    )


def test_blank_variable_counts_as_unset(tmp_path: Path, free_port: int) -> None:
    config = make_config(tmp_path, free_port, DATABASE_URL=" ", METRIKA_API_URL="")

    assert config.starts_database is True
    assert environment(config)["METRIKA_API_URL"] == config.sandbox_url
