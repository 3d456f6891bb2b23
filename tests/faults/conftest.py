"""Fixtures of real processes over the test database: the sandbox, workers, and a scenario."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django import Settings

from devtools.launcher.embedded import Valkey
from tests import factories
from tests.faults.databases import database_url
from tests.faults.processes import WorkerForkServer, WorkerProcesses
from tests.faults.results import Result
from tests.faults.sandbox_process import SandboxProcess, start_sandbox_process
from tests.faults.scenario import Scenario

YANDEX = ("YANDEX_OAUTH_URL", "YANDEX_LOGIN_URL", "METRIKA_API_URL")


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Log file of the processes; pytest prints only its path."""
    return tmp_path_factory.mktemp("faults") / "processes.log"


@pytest.fixture(scope="session")
def sandbox_process(log: Path) -> Iterator[SandboxProcess]:
    process, sandbox = start_sandbox_process(log)
    yield sandbox
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def environment(
    sandbox_process: SandboxProcess, django_db_setup: None, installation_file: None
) -> dict[str, str]:
    """Environment of every process: this run's database and broker, and this sandbox."""
    return {
        **os.environ,
        **dict.fromkeys(YANDEX, sandbox_process.url),
        "DATABASE_URL": database_url(),
        "INSTALLATION_FILE": str(settings.INSTALLATION_FILE),
        "YANDEX_CLIENT_ID": sandbox_process.options.client_id,
        "YANDEX_CLIENT_SECRET": sandbox_process.options.client_secret,
        "LOG_LEVEL": "INFO",
    }


@pytest.fixture(scope="session")
def fork_server(environment: dict[str, str], log: Path) -> Iterator[WorkerForkServer]:
    server = WorkerForkServer(environment, log)
    yield server
    server.close()


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    """The sandbox process, reset to its initial state and default quotas."""
    sandbox_process.post("reset", now=True)
    sandbox_process.post("quotas", per_second=30, parallel=3, per_day=5000)
    return sandbox_process


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A broker of the test's own."""
    server = Valkey(tmp_path / "valkey", password="only-for-tests", temporary=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def scenario(transactional_db: None, sandbox: SandboxProcess, settings: Settings) -> Scenario:
    """An empty cabinet with a source; the test links the accounts it needs."""
    for name in YANDEX:
        setattr(settings, name, sandbox.url)
    cabinet = factories.make_cabinet()
    return Scenario(sandbox, cabinet, factories.make_source(cabinet=cabinet))


@pytest.fixture
def workers(scenario: Scenario, fork_server: WorkerForkServer) -> Iterator[WorkerProcesses]:
    """Starts workers on demand; kills them before the tables are flushed."""
    processes = WorkerProcesses(fork_server)
    yield processes
    processes.kill_all()


@pytest.fixture
def result(request: pytest.FixtureRequest) -> Iterator[Result]:
    """The measurements of this test, written to the results file if it passes."""
    marks = [number for mark in request.node.iter_markers("contract") for number in mark.args]
    measured = Result(request.node.nodeid, marks)
    failed_before = request.session.testsfailed
    yield measured
    if request.session.testsfailed == failed_before:
        measured.write()
