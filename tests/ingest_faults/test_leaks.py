"""Taking calls in and delivering them, told by every logger at DEBUG: nothing personal is said."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from calls.delivery import sender_loop
from integrations.models import YandexAccount
from tests import factories
from tests.calls.posting import post_calls
from tests.faults.results import Result
from tests.faults.servers import program
from tests.faults.stage import Stage
from tests.faults.wait import wait_for
from tests.faults.worker import PACE
from tests.ingest_faults.web_server import open_door, results

CALLS = 5
PHONE, LINE = "79037654321", "74951112233"
FORGED = f"{factories.SECRET[:-4]}AAAA"


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any logger says at DEBUG, before it is redacted."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    former = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.propagate = True
    caplog.set_level(logging.DEBUG)
    yield caplog
    for logger, level, propagate in former:
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.mark.contract("D6")
def test_no_logger_says_anything_personal_while_calls_come_and_go(
    stage: Stage, settings: Settings, every_log: pytest.LogCaptureFixture, result: Result
) -> None:
    for name, value in PACE.items():
        setattr(settings, name, value)
    account = stage.link()
    records = personal_calls()

    live_through_troubles(stage, records)
    seconds = wait_for(lambda: go_round(stage), seconds=30, what="the ledger is final")

    said = "\n".join(
        logging.Formatter("%(name)s %(message)s").format(record) for record in every_log.records
    )
    assert "upload_calls?" in said
    assert "ingest refused: bad_signature" in said
    assert found_in(said, secrets_of(account, records)) == []
    result.fault = "every logger at DEBUG, nothing redacted: nothing personal is said"
    result.measure(stage.balance(), seconds)


def live_through_troubles(stage: Stage, records: list[dict[str, Any]]) -> None:
    """A good request, two broken ones, a forged one; a file whose answer is lost."""
    broken = {"calls": [records[0] | {"duration": "x"}, {"clientNumber": PHONE}]}
    cut = json.dumps({"calls": records}).encode()[:-1]
    for body, secret, status in [
        ({"calls": records}, factories.SECRET, 202),
        (broken, factories.SECRET, 422),
        (cut, factories.SECRET, 400),
        ({"calls": records}, FORGED, 401),
    ]:
        assert post_calls(body, source=stage.source, secret=secret).status_code == status
    stage.sandbox.fault("html_5xx_taken")


def go_round(stage: Stage) -> bool:
    """One round of delivery in this process; tell whether all has come to its end."""
    sender_loop.run(rest=lambda: None, once=True)
    return stage.balance().is_settled


@pytest.mark.contract("D6")
def test_no_process_writes_anything_personal_into_its_log(
    stage: Stage, environment: dict[str, str], tmp_path: Path, result: Result
) -> None:
    account = stage.link()
    records = personal_calls()
    log = tmp_path / "everything.log"
    told = environment | {"LOG_LEVEL": "DEBUG"}
    sender = ("manage.py", "run_sender", "--interval=0.2")
    with open_door(told, log) as door, program(*sender, environment=told, log=log):
        results(door.post(records, source=stage.source))
        forged = door.post(records, source=stage.source, secret=FORGED)
        seconds = stage.wait_settled()

    said = log.read_text(encoding="utf-8")
    assert forged.status_code == 401
    assert "DEBUG urllib3" in said
    assert "ingest refused: bad_signature" in said
    assert found_in(said, secrets_of(account, records)) == []
    result.fault = "web server and sender at DEBUG: their logs hold nothing personal"
    result.measure(stage.balance(), seconds)


def personal_calls() -> list[dict[str, Any]]:
    return [
        factories.v3_record(clientNumber=PHONE, managerNumber=LINE, tags=["Тайный тег"])
        for _ in range(CALLS)
    ]


def secrets_of(account: YandexAccount, records: list[dict[str, Any]]) -> set[str]:
    """Everything that a log must not hold, in every spelling that might slip in."""
    personal = {PHONE, PHONE[1:], LINE, "Тайный тег", json.dumps("Тайный тег")[1:-1]}
    return {
        account.access_token,
        factories.SECRET.removeprefix("whsec_"),
        *personal,
        *(str(record["yaClid"]) for record in records),
    }


def found_in(text: str, secrets: set[str]) -> list[str]:
    """Return what was found, by its beginning, so that a failure says no more than it must."""
    return [secret[:6] for secret in secrets if secret in text]
