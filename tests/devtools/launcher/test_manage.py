"""`./run manage`: a management command with the settings of the running `./run`."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.launcher.manage import environment_file, save_environment
from devtools.launcher.run_config import is_locked, lock_data_folder
from tests.paths import ROOT

SETTINGS = {
    "SECRET_KEY": "k" * 50,
    "SEALING_KEYS": "c2VhbGluZy1rZXktb2YtYS10ZXN0LXJ1bi0wMDAwMDA=",
    "DATABASE_URL": "postgres://own:p4ss@127.0.0.1:9/own",
    "REDIS_URL": "redis://127.0.0.1:9/0",
    "YANDEX_CLIENT_ID": "client",
    "YANDEX_CLIENT_SECRET": "client",
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "DJANGO_SETTINGS_MODULE": "devtools.settings",
}
SHOW = "import os; from django.conf import settings as s; print(os.getcwd(), s.PUBLIC_URL)"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def running(data: Path) -> Iterator[Path]:
    """The data folder of a `./run` that has just started."""
    held = lock_data_folder(data)
    save_environment(data, SETTINGS)
    yield data
    os.close(held)


def manage(data: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devtools.launcher", "manage", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(data), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_command_gets_the_settings_of_run_and_the_folder_of_the_caller(
    running: Path, tmp_path: Path
) -> None:
    answer = manage(
        running,
        *("shell", "--no-imports", "-c", SHOW),
        CALLED_FROM=str(tmp_path),
        PUBLIC_URL="http://of.the.shell",
    )

    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == f"{tmp_path} http://127.0.0.1:8000\n"


def test_every_documented_variable_is_kept(data: Path) -> None:
    """INSTALLATION_FILE ends like a secret that comes from a file, and is none."""
    data.mkdir()
    given = {"INSTALLATION_FILE": "/data/installation.json", "SECRET_KEY_FILE": "/secret"}

    save_environment(data, given | {"HOME": "/root", "OTHER_FILE": "/other"})

    assert json.loads(environment_file(data).read_text()) == given


def test_exit_code_is_that_of_the_command(running: Path) -> None:
    answer = manage(running, "shell", "--no-imports", "-c", "raise SystemExit(3)")

    assert answer.returncode == 3


def test_without_a_running_product_one_sentence_is_printed_and_no_file_is_made(data: Path) -> None:
    answer = manage(data, "check")

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith(f"./run: Nothing is up with {data}. Start ./run")
    assert answer.stderr.count("\n") == 1
    assert not data.exists()


def test_environment_file_of_a_killed_run_is_ignored(data: Path) -> None:
    os.close(lock_data_folder(data))
    save_environment(data, SETTINGS)

    answer = manage(data, "check")

    assert answer.returncode == 1
    assert "Nothing is up" in answer.stderr


def test_only_the_products_own_variables_are_saved(data: Path) -> None:
    data.mkdir()

    save_environment(
        data, {**SETTINGS, "AWS_SECRET_ACCESS_KEY": "foreign", "METRICS_TOKEN_FILE": "/m"}
    )

    written = environment_file(data).read_text(encoding="utf-8")
    assert "foreign" not in written
    assert "METRICS_TOKEN_FILE" in written
    assert [name for name in SETTINGS if name not in written] == []
    assert stat.S_IMODE(environment_file(data).stat().st_mode) == 0o600


def test_is_locked_does_not_lock_the_folder(data: Path) -> None:
    assert is_locked(data) is False
    held = lock_data_folder(data)
    assert is_locked(data) is True
    os.close(held)

    assert is_locked(data) is False
    os.close(lock_data_folder(data))
