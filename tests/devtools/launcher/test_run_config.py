from __future__ import annotations

from pathlib import Path

from devtools.launcher.local_secrets import keep_secrets
from devtools.launcher.run_config import Trial, plan_trial

SERVERS = {"DATABASE_URL": "postgres://own", "REDIS_URL": "redis://own"}


def make_trial(tmp_path: Path, free_port: int, **given: str) -> Trial:
    return plan_trial({"DATA_DIR": str(tmp_path), "PORT": str(free_port), **given})


def environment(trial: Trial) -> dict[str, str]:
    return trial.environment(keep_secrets(trial.data / "secrets.json"), SERVERS)


def test_without_choices_everything_is_our_own(tmp_path: Path, free_port: int) -> None:
    trial = make_trial(tmp_path, free_port)

    told = environment(trial)

    assert (trial.brings_database, trial.brings_broker, trial.wants_demo_data) == (True,) * 3
    assert told["PUBLIC_URL"] == f"http://127.0.0.1:{free_port}"
    assert told["METRIKA_API_URL"] == told["YANDEX_OAUTH_URL"] == trial.sandbox_url
    assert told["METRIKA_WEB_URL"] == trial.sandbox_url
    assert told["DATABASE_URL"] == "postgres://own"
    assert told["UPLOAD_MIN_WAIT_SECONDS"] == "5"
    assert told["COMPRESS_STATIC"] == "0"
    assert "DEBUG" not in told


def test_what_is_given_is_kept(tmp_path: Path, free_port: int) -> None:
    trial = make_trial(
        tmp_path, free_port, DATABASE_URL="postgres://given", POLL_SECONDS="60", DEMO_DATA="0"
    )

    told = environment(trial)

    assert (trial.brings_database, trial.brings_broker, trial.wants_demo_data) == (
        False,
        True,
        False,
    )
    assert told["DATABASE_URL"] == "postgres://given"
    assert told["POLL_SECONDS"] == "60"


def test_secret_given_as_a_file_is_not_replaced(tmp_path: Path, free_port: int) -> None:
    (tmp_path / "id").write_text("application\n")
    trial = make_trial(tmp_path, free_port, YANDEX_CLIENT_ID_FILE=str(tmp_path / "id"))

    told = environment(trial)

    assert "YANDEX_CLIENT_ID" not in told
    assert told["SANDBOX_CLIENT_ID"] == "application"


def test_no_sandbox_beside_another_yandex(tmp_path: Path, free_port: int) -> None:
    trial = make_trial(tmp_path, free_port, METRIKA_API_URL="http://127.0.0.1:9")

    assert trial.sandbox_url is None
    assert trial.wants_demo_data is False
    assert {"YANDEX_OAUTH_URL", "METRIKA_WEB_URL"}.isdisjoint(environment(trial))


def test_blank_variable_counts_as_not_given(tmp_path: Path, free_port: int) -> None:
    trial = make_trial(tmp_path, free_port, DATABASE_URL=" ", METRIKA_API_URL="")

    assert trial.brings_database is True
    assert environment(trial)["METRIKA_API_URL"] == trial.sandbox_url
