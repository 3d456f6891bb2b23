from __future__ import annotations

import shlex
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from callkeeper_metrika.celery import app
from devtools.launcher.processes import (
    Processes,
    Program,
    _is_only_halted,
    configuration,
    product_programs,
    sandbox_programs,
)
from devtools.launcher.run_config import RunConfig


def test_supervisor_configuration_escapes_spaces_and_percent_signs() -> None:
    data = Path("/home/Иван Петров/100% own")
    config = RunConfig(data, 8000, 8001, {})
    parser = ConfigParser()

    parser.read_string(configuration("sandbox", sandbox_programs(config), data))

    sandbox = shlex.split(parser["program:sandbox"]["command"])
    assert sandbox[:4] == [sys.executable, "-m", "devtools.launcher.parent_death", sys.executable]
    assert f"--state={data}/sandbox.sqlite3" in sandbox
    assert parser["program:sandbox"]["stdout_logfile"] == f"{data}/logs/sandbox.log"


def test_workers_of_run_consume_every_queue() -> None:
    programs = product_programs(RunConfig(Path("/data"), 8000, 8001, {})).values()

    consumed = [
        program.words[program.words.index("-Q") + 1]
        for program in programs
        if "worker" in program.words
    ]

    assert sorted(consumed) == sorted(app.amqp.queues.consume_from)


def test_supervisor_configuration_has_no_secret() -> None:
    given = {
        "SECRET_KEY": "k3y",
        "YANDEX_CLIENT_SECRET": "s3cret",
        "DATABASE_URL": "postgres://p4ss",
    }

    config = RunConfig(Path("/data"), 8000, 8001, given)

    written = configuration(
        "product", product_programs(config) | sandbox_programs(config), config.data
    )

    assert [value for value in given.values() if value in written] == []


@pytest.mark.parametrize(
    ("body", "is_up"),
    [
        (b'{"checks": {"database": "ok", "installation": "sending is halted: ..."}}', True),
        (b'{"checks": {"database": "failed: E", "installation": "sending is halted"}}', False),
        (b'{"checks": {"database": "failed: E", "installation": "ok"}}', False),
        (b"<html>502</html>", False),
        (b"[]", False),
    ],
)
def test_product_whose_sending_is_halted_counts_as_started(body: bytes, is_up: bool) -> None:
    assert _is_only_halted(body) is is_up


@pytest.mark.parametrize(
    ("supervisord", "worker", "is_up"),
    [
        ("spawned: 'worker' with pid 7", "worker@vm ready.\n", True),
        ("spawned: 'worker' with pid 7", "starting\n", False),
        ("spawned: 'sender' with pid 7", "worker@vm ready.\n", False),
    ],
)
def test_program_is_up_once_it_says_so_after_this_start(
    tmp_path: Path, supervisord: str, worker: str, is_up: bool
) -> None:
    log = tmp_path / "logs" / "worker.log"
    log.parent.mkdir()
    log.write_text("worker@vm ready.\n")  # of the start before
    processes = Processes("test", {"worker": Program([], 4, " ready.\n")}, tmp_path)
    processes._log_sizes = {"worker": log.stat().st_size}
    assert processes._all_up() is False

    processes.log.write_text(supervisord)
    with log.open("a") as file:
        file.write(worker)

    assert processes._all_up() is is_up


def test_rotated_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    processes = Processes("test", {"worker": Program([], 4, " ready.\n")}, tmp_path)
    processes._log_sizes = {"worker": 1000}
    processes.log.write_text("spawned: 'worker' with pid 7")

    (tmp_path / "logs" / "worker.log").write_text("worker@vm ready.\n")

    assert processes._all_up()
