"""Real processes around a database of the test run: a sandbox, workers, and a stage for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from tests import factories
from tests.faults.processes import Crew, Nursery
from tests.faults.results import Result
from tests.faults.sandbox_process import StandIn, start_stand_in
from tests.faults.stage import Stage

YANDEX = ("YANDEX_OAUTH_URL", "YANDEX_LOGIN_URL", "METRIKA_API_URL")


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the processes say; shown by pytest only as a path."""
    return tmp_path_factory.mktemp("faults") / "processes.log"


@pytest.fixture(scope="session")
def stand_in(log: Path) -> Iterator[StandIn]:
    process, sandbox = start_stand_in(log)
    yield sandbox
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def environment(stand_in: StandIn, django_db_setup: None) -> dict[str, str]:
    """What every process is told: this run's database and broker, this sandbox."""
    return {
        **os.environ,
        **dict.fromkeys(YANDEX, stand_in.url),
        "DATABASE_URL": database_url(),
        "YANDEX_CLIENT_ID": stand_in.options.client_id,
        "YANDEX_CLIENT_SECRET": stand_in.options.client_secret,
        "LOG_LEVEL": "INFO",
    }


def database_url() -> str:
    """Return the address of the test database, which is not the one in the environment."""
    known = connection.settings_dict
    person = f"{known['USER']}:{known['PASSWORD']}"
    return f"postgres://{person}@{known['HOST']}:{known['PORT']}/{known['NAME']}"


@pytest.fixture(scope="session")
def nursery(environment: dict[str, str], log: Path) -> Iterator[Nursery]:
    home = Nursery(environment, log)
    yield home
    home.close()


@pytest.fixture
def sandbox(stand_in: StandIn) -> StandIn:
    """The stand-in as on its first day."""
    stand_in.post("reset", now=True)
    stand_in.post("quotas", per_second=30, parallel=3, per_day=5000)
    return stand_in


@pytest.fixture
def stage(transactional_db: None, sandbox: StandIn, settings: Settings) -> Stage:
    """An empty cabinet with a source; the test links whom it needs."""
    for name in YANDEX:
        setattr(settings, name, sandbox.url)
    cabinet = factories.make_cabinet()
    return Stage(sandbox, cabinet, factories.make_source(cabinet=cabinet))


@pytest.fixture
def crew(stage: Stage, nursery: Nursery) -> Iterator[Crew]:
    """Workers by order; gone before the tables are emptied."""
    people = Crew(nursery)
    yield people
    people.dismiss()


@pytest.fixture
def result(request: pytest.FixtureRequest) -> Iterator[Result]:
    """The figures of this test, written down if it passes."""
    marks = [number for mark in request.node.iter_markers("contract") for number in mark.args]
    measured = Result(request.node.nodeid, marks)
    failed_before = request.session.testsfailed
    yield measured
    if request.session.testsfailed == failed_before:
        measured.write()
