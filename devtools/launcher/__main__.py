"""`./run`: start all processes in order, print the addresses, stop them in the reverse order."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

from devtools.launcher import manage
from devtools.launcher.embedded import Postgres, Valkey
from devtools.launcher.embedded_server import EmbeddedServerFailed
from devtools.launcher.local_secrets import load_or_create_secrets, write_private
from devtools.launcher.management_command import ManagementCommand
from devtools.launcher.processes import Processes, product_programs, sandbox_programs
from devtools.launcher.progress import progress_line
from devtools.launcher.run_config import (
    HOST,
    USERNAME,
    RunConfig,
    lock_data_folder,
    read_run_config,
)
from devtools.launcher.start_error import StartError
from devtools.launcher.summary import summary

SUPERVISE_SECONDS = 0.5
#: Loaded by its name after the servers are on their way; the launcher itself needs no product.
PRELOAD = "devtools.preload"
CATALOGUES = "accounts.catalogues"


class Stopped(BaseException):
    """SIGTERM, SIGINT or SIGHUP was received."""


def main() -> None:
    """Run until stopped by a signal; a failed start prints one sentence and exits with code 1."""
    arguments = _read_arguments()
    try:
        if arguments.manage:
            manage.exec_command(arguments.words)
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
    _handle_signals()
    try:
        with ExitStack() as stack:
            try:
                _start_all(read_run_config(os.environ), stack)
            finally:
                # A second Ctrl-C would interrupt the shutdown.
                _ignore_signals()
    except Stopped:
        _say("Stopped. The data are kept.")


def _start_all(config: RunConfig, stack: ExitStack) -> NoReturn:
    stack.callback(os.close, lock_data_folder(config.data))
    _remove_ready_files(config)
    secrets = load_or_create_secrets(config.data / "secrets.json")
    servers = _servers(config, secrets)
    sandbox = _begin_sandbox(config, secrets, stack)
    with progress_line("Starting database and broker"):
        _start_servers(servers, stack)
    environment = config.environment(
        secrets, {name: server.url for name, server in servers.items()}
    )
    access = _prepare_data(config, environment, secrets["SIGN_IN_PASSWORD"], sandbox)
    product = Processes("product", product_programs(config), config.data)
    with progress_line("Starting web server, workers, beat"):
        stack.callback(product.stop)
        product.start(environment)
        product.wait_until_ready(f"http://{HOST}:{config.port}/readyz")
    stack.callback(_begin_stop, config)
    ready = {"url": config.url, **access, "sandbox_url": config.sandbox_url}
    manage.save_environment(config.data, environment)
    write_private(config.ready_file, ready)
    _say(summary(config, ready))
    _supervise([sandbox, product] if sandbox else [product], servers)


def _begin_sandbox(
    config: RunConfig, secrets: Mapping[str, str], stack: ExitStack
) -> Processes | None:
    """Start the sandbox without waiting for it: it needs no other server."""
    if not config.sandbox_url:
        return None
    sandbox = Processes("sandbox", sandbox_programs(config), config.data)
    stack.callback(sandbox.stop)
    sandbox.start(config.environment(secrets, {}))
    return sandbox


def _start_servers(servers: Mapping[str, Postgres | Valkey], stack: ExitStack) -> None:
    """Start the servers, and import what the product needs while a new database is created."""
    for server in servers.values():
        stack.callback(server.stop)
        server.prepare()
    import_module(PRELOAD).import_libraries()
    for server in servers.values():
        server.start()


def _servers(config: RunConfig, secrets: Mapping[str, str]) -> dict[str, Postgres | Valkey]:
    servers: dict[str, Postgres | Valkey] = {}
    if config.starts_database:
        servers["DATABASE_URL"] = Postgres(
            config.data / "postgres", password=secrets["POSTGRES_PASSWORD"]
        )
    if config.starts_broker:
        servers["REDIS_URL"] = Valkey(config.data / "valkey", password=secrets["VALKEY_PASSWORD"])
    return servers


def _prepare_data(
    config: RunConfig,
    environment: Mapping[str, str],
    password: str,
    sandbox: Processes | None,
) -> dict[str, Any]:
    """Migrate and seed the database; return the sign-in and the source printed by `seed_access`."""
    with progress_line("Loading the product"):
        import_module(CATALOGUES).compile_catalogues()
        import_module(PRELOAD).import_product(environment)
    static = ManagementCommand(environment, "collectstatic", "--no-input")
    with progress_line("Preparing the database"):
        if config.starts_database:
            ManagementCommand(environment, "build_schema").output()
        ManagementCommand(environment, "migrate", "--no-input").output()
    words = ("--username", USERNAME, "--password", password)
    with progress_line("Preparing the sign-in"):
        answer = ManagementCommand(environment, "seed_access", "--staff", *words).output()
    with progress_line("Collecting static files"):
        static.output()
    if sandbox is not None:
        with progress_line("Starting sandbox in place of Yandex"):
            sandbox.wait_until_ready(str(config.sandbox_url))
    if config.wants_demo_data:
        with progress_line("Preparing demonstration data") as report:
            ManagementCommand(environment, "seed_demo", "--username", USERNAME).output(report)
    access: dict[str, Any] = json.loads(answer.strip().splitlines()[-1])
    return access


def _supervise(
    supervisors: Sequence[Processes], servers: Mapping[str, Postgres | Valkey]
) -> NoReturn:
    """Block until stopped; restart an embedded server that has ended."""
    while True:
        time.sleep(SUPERVISE_SECONDS)
        if not all(supervisor.is_running for supervisor in supervisors):
            raise StartError("A supervisor of the processes has died, so everything was stopped.")
        for server in servers.values():
            if not server.is_running:
                _say(f"{server.title} has died; starting it again.")
                server.start()


def _handle_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Under `nohup ./run` SIGHUP stays ignored.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _begin_stop(config: RunConfig) -> None:
    _remove_ready_files(config)
    _say("Stopping …")


def _remove_ready_files(config: RunConfig) -> None:
    config.ready_file.unlink(missing_ok=True)
    manage.environment_file(config.data).unlink(missing_ok=True)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
