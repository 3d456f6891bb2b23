"""Receiving and delivering calls with every logger at DEBUG writes no personal data."""

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
from tests.faults.scenario import Scenario
from tests.faults.servers import program
from tests.faults.wait import wait_for
from tests.faults.worker import PACE
from tests.ingest_faults.web_server import results, start_web_server

CALLS = 5
PHONE, LINE = "79037654321", "74951112233"
FORGED = f"{factories.SECRET[:-4]}AAAA"


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Captures the records of every logger at DEBUG, before redaction."""
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
def test_no_logger_writes_personal_data_at_debug(
    scenario: Scenario, settings: Settings, every_log: pytest.LogCaptureFixture, result: Result
) -> None:
    for name, value in PACE.items():
        setattr(settings, name, value)
    account = scenario.link()
    records = personal_calls()

    post_good_and_bad_requests(scenario, records)
    seconds = wait_for(lambda: run_sender_once(scenario), seconds=30, what="the ledger is final")

    said = "\n".join(
        logging.Formatter("%(name)s %(message)s").format(record) for record in every_log.records
    )
    assert "upload_calls?" in said
    assert "ingest refused: bad_signature" in said
    assert found_in(said, secrets_of(account, records)) == []
    result.fault = "every logger at DEBUG, nothing redacted: nothing personal is said"
    result.measure(scenario.balance(), seconds)


def post_good_and_bad_requests(scenario: Scenario, records: list[dict[str, Any]]) -> None:
    """Post a valid, two invalid and a forged request; make the answer to the upload get lost."""
    broken = {"calls": [records[0] | {"duration": "x"}, {"clientNumber": PHONE}]}
    cut = json.dumps({"calls": records}).encode()[:-1]
    for body, secret, status in [
        ({"calls": records}, factories.SECRET, 202),
        (broken, factories.SECRET, 422),
        (cut, factories.SECRET, 400),
        ({"calls": records}, FORGED, 401),
    ]:
        assert post_calls(body, source=scenario.source, secret=secret).status_code == status
    scenario.sandbox.fault("html_5xx_taken")


def run_sender_once(scenario: Scenario) -> bool:
    """Run one round of delivery in this process; return whether the ledger is final."""
    sender_loop.run(rest=lambda: None, once=True)
    return scenario.balance().is_settled


@pytest.mark.contract("D6")
def test_no_process_log_contains_personal_data(
    scenario: Scenario, environment: dict[str, str], tmp_path: Path, result: Result
) -> None:
    account = scenario.link()
    records = personal_calls()
    log = tmp_path / "everything.log"
    variables = environment | {"LOG_LEVEL": "DEBUG"}
    sender = ("manage.py", "run_sender", "--interval=0.2")
    with (
        start_web_server(variables, log) as web_server,
        program(*sender, environment=variables, log=log),
    ):
        results(web_server.post(records, source=scenario.source))
        forged = web_server.post(records, source=scenario.source, secret=FORGED)
        seconds = scenario.wait_settled()

    said = log.read_text(encoding="utf-8")
    assert forged.status_code == 401
    assert "DEBUG redis" in said
    # Its lines at DEBUG have whole addresses, and that of CallKeeper's API has the customer's key.
    assert "DEBUG urllib3" not in said
    assert "ingest refused: bad_signature" in said
    assert found_in(said, secrets_of(account, records)) == []
    result.fault = "web server and sender at DEBUG: their logs hold nothing personal"
    result.measure(scenario.balance(), seconds)


def personal_calls() -> list[dict[str, Any]]:
    return [
        factories.v3_record(clientNumber=PHONE, managerNumber=LINE, tags=["Тайный тег"])
        for _ in range(CALLS)
    ]


def secrets_of(account: YandexAccount, records: list[dict[str, Any]]) -> set[str]:
    """Return everything that a log must not contain, in every spelling that could occur."""
    personal = {PHONE, PHONE[1:], LINE, "Тайный тег", json.dumps("Тайный тег")[1:-1]}
    return {
        account.access_token,
        factories.SECRET.removeprefix("whsec_"),
        *personal,
        *(str(record["yaClid"]) for record in records),
    }


def found_in(text: str, secrets: set[str]) -> list[str]:
    """Return the beginnings of the secrets found, so that a failure does not print them whole."""
    return [secret[:6] for secret in secrets if secret in text]
