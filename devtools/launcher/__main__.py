"""`./run`: bring everything up in order, say where it is, and take it down in the reverse order."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import Any, NoReturn

from devtools.launcher import manage
from devtools.launcher.embedded import EmbeddedServerFailed, Postgres, Valkey
from devtools.launcher.local_secrets import keep_secrets, write_private
from devtools.launcher.parent_death import die_with_parent
from devtools.launcher.processes import Processes, product_programs, sandbox_programs
from devtools.launcher.progress import Tell, step
from devtools.launcher.run_config import HOST, ROOT, USERNAME, Trial, plan_trial, take_folder
from devtools.launcher.start_error import StartError
from devtools.launcher.summary import summary

LOOK_AFTER_SECONDS = 0.5


class Stopped(BaseException):
    """Somebody asked us to stop."""


def main() -> None:
    """Run until asked to stop; a start that cannot be is one sentence and exit code 1."""
    arguments = _read_arguments()
    try:
        if arguments.manage:
            manage.become(arguments.words)
        _run()
    except (StartError, EmbeddedServerFailed) as refusal:
        raise SystemExit(f"./run: {refusal}") from None


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run",
        description="Starts everything; PORT and DATA_DIR may be set. `./run manage COMMAND …`"
        " runs a command of manage.py with the settings of what is running.",
    )
    parser.add_argument("manage", nargs="?", choices=["manage"], help="run a command beside it")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="the command and its options")
    return parser.parse_args()


def _run() -> None:
    _listen_for_stops()
    try:
        with ExitStack() as stack:
            try:
                _bring_up(plan_trial(os.environ), stack)
            finally:
                # A second Ctrl-C would cut the stopping short.
                _ignore_stops()
    except Stopped:
        _say("Stopped. The data are kept.")


def _bring_up(trial: Trial, stack: ExitStack) -> NoReturn:
    stack.callback(os.close, take_folder(trial.data))
    _forget_readiness(trial)
    kept = keep_secrets(trial.data / "secrets.json")
    servers = _servers(trial, kept)
    for server in servers.values():
        with step(f"Starting {server.title.removeprefix('The ')}"):
            stack.callback(server.stop)
            server.start()
    environment = trial.environment(kept, {name: server.url for name, server in servers.items()})
    supervisors = []
    if trial.sandbox_url:
        sandbox = Processes("sandbox", sandbox_programs(trial), trial.data)
        supervisors.append(sandbox)
        with step("Starting sandbox in place of Yandex"):
            stack.callback(sandbox.stop)
            sandbox.start(environment)
            sandbox.wait_until_ready(trial.sandbox_url)
    access = _prepare_data(trial, environment, kept["SIGN_IN_PASSWORD"])
    product = Processes("product", product_programs(trial), trial.data)
    supervisors.append(product)
    with step("Starting web server, worker, clock"):
        stack.callback(product.stop)
        product.start(environment)
        product.wait_until_ready(f"http://{HOST}:{trial.port}/readyz")
    stack.callback(_begin_stop, trial)
    ready = {"url": trial.url, **access, "sandbox_url": trial.sandbox_url}
    manage.keep_environment(trial.data, environment)
    write_private(trial.ready_file, ready)
    _say(summary(trial, ready))
    _look_after(supervisors, servers)


def _servers(trial: Trial, kept: Mapping[str, str]) -> dict[str, Postgres | Valkey]:
    servers: dict[str, Postgres | Valkey] = {}
    if trial.brings_database:
        servers["DATABASE_URL"] = Postgres(
            trial.data / "postgres", password=kept["POSTGRES_PASSWORD"]
        )
    if trial.brings_broker:
        servers["REDIS_URL"] = Valkey(trial.data / "valkey", password=kept["VALKEY_PASSWORD"])
    return servers


def _prepare_data(trial: Trial, environment: Mapping[str, str], password: str) -> dict[str, Any]:
    """Bring the database up to date and return what `seed_access` made: who signs in, who posts."""
    with step("Preparing the database"):
        _manage(environment, "migrate", "--no-input")
    with step("Collecting static files"):
        _manage(environment, "collectstatic", "--no-input")
    words = ("--username", USERNAME, "--password", password)
    with step("Preparing the sign-in"):
        answer = _manage(environment, "seed_access", "--staff", *words)
    if trial.wants_demo_data:
        with step("Preparing demonstration data") as tell:
            _manage(environment, "seed_demo", "--username", USERNAME, tell=tell)
    access: dict[str, Any] = json.loads(answer.strip().splitlines()[-1])
    return access


def _manage(environment: Mapping[str, str], *words: str, tell: Tell | None = None) -> str:
    """Run a command to its end and return what it said, each line of which is told at once."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        output = _hear_out(process, tell)
        if process.returncode:
            errors.seek(0)
            raise StartError(f"`manage.py {words[0]}` failed:\n{errors.read().strip()}")
    return output


def _hear_out(process: subprocess.Popen[str], tell: Tell | None) -> str:
    assert process.stdout is not None
    lines = []
    try:
        with process.stdout:
            for line in process.stdout:
                lines.append(line)
                if tell:
                    tell(line.strip())
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return "".join(lines)


def _look_after(
    supervisors: Sequence[Processes], servers: Mapping[str, Postgres | Valkey]
) -> NoReturn:
    """Stay until stopped; start again an embedded server that has died."""
    while True:
        time.sleep(LOOK_AFTER_SECONDS)
        if not all(supervisor.is_running for supervisor in supervisors):
            raise StartError("A supervisor of the processes has died, so everything was stopped.")
        for server in servers.values():
            if not server.is_running:
                _say(f"{server.title} has died; starting it again.")
                server.start()


def _listen_for_stops() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # `nohup ./run` asks for SIGHUP to be ignored.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped


def _ignore_stops() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _begin_stop(trial: Trial) -> None:
    _forget_readiness(trial)
    _say("Stopping …")


def _forget_readiness(trial: Trial) -> None:
    trial.ready_file.unlink(missing_ok=True)
    manage.environment_file(trial.data).unlink(missing_ok=True)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
