"""`./run manage`: a command of manage.py beside a trial that is up."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.launcher.manage import environment_file, keep_environment
from devtools.launcher.run_config import is_held, take_folder
from tests.paths import ROOT

TOLD = {
    "SECRET_KEY": "k" * 50,
    "SEALING_KEYS": "c2VhbGluZy1rZXktb2YtYS10ZXN0LXJ1bi0wMDAwMDA=",
    "DATABASE_URL": "postgres://own:p4ss@127.0.0.1:9/own",
    "REDIS_URL": "redis://127.0.0.1:9/0",
    "YANDEX_CLIENT_ID": "trial",
    "YANDEX_CLIENT_SECRET": "trial",
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "DJANGO_SETTINGS_MODULE": "devtools.settings",
}
SHOW = "import os; from django.conf import settings as s; print(os.getcwd(), s.PUBLIC_URL)"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def running(data: Path) -> Iterator[Path]:
    """The data folder of a trial that has just come up."""
    held = take_folder(data)
    keep_environment(data, TOLD)
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


def test_command_gets_the_settings_of_the_trial_and_the_folder_of_the_caller(
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


def test_exit_code_is_the_commands(running: Path) -> None:
    answer = manage(running, "shell", "--no-imports", "-c", "raise SystemExit(3)")

    assert answer.returncode == 3


def test_without_a_trial_one_sentence_is_said_and_nothing_is_made(data: Path) -> None:
    answer = manage(data, "check")

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith(f"./run: Nothing is up with {data}. Start ./run")
    assert answer.stderr.count("\n") == 1
    assert not data.exists()


def test_file_that_a_killed_trial_left_behind_counts_for_nothing(data: Path) -> None:
    os.close(take_folder(data))
    keep_environment(data, TOLD)

    answer = manage(data, "check")

    assert answer.returncode == 1
    assert "Nothing is up" in answer.stderr


def test_only_the_products_own_variables_are_written_down(data: Path) -> None:
    data.mkdir()

    keep_environment(data, {**TOLD, "AWS_SECRET_ACCESS_KEY": "foreign", "METRICS_TOKEN_FILE": "/m"})

    written = environment_file(data).read_text(encoding="utf-8")
    assert "foreign" not in written
    assert "METRICS_TOKEN_FILE" in written
    assert [name for name in TOLD if name not in written] == []
    assert stat.S_IMODE(environment_file(data).stat().st_mode) == 0o600


def test_looking_whether_a_folder_is_held_does_not_hold_it(data: Path) -> None:
    assert is_held(data) is False
    held = take_folder(data)
    assert is_held(data) is True
    os.close(held)

    assert is_held(data) is False
    os.close(take_folder(data))
