"""Linking over real HTTP against the sandbox, and a search for leaked secrets.

S-numbers are the security requirements of the linking contract.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from cabinets import audit
from devtools.sandbox import RunningSandbox, start_sandbox
from integrations.models import YandexAccount
from integrations.tokens import refresh
from integrations.tokens.refresh import RefreshOutcome
from tests.integrations.linking.person import TIMEOUT, Person
from tests.rate_limits import reset_link_rate_limits

TOKEN_SHAPES = (
    re.compile(r"y[0-3]_[A-Za-z0-9_-]{20,}"),
    re.compile(r"1:[\w-]+:[\w-]+:[\w-]+"),
)


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[RunningSandbox]:
    reset_link_rate_limits(settings.REDIS_URL)
    running = start_sandbox()
    settings.YANDEX_OAUTH_URL = running.url
    settings.YANDEX_LOGIN_URL = running.url
    settings.METRIKA_API_URL = running.url
    settings.YANDEX_CLIENT_ID = running.options.client_id
    settings.YANDEX_CLIENT_SECRET = running.options.client_secret
    yield running
    running.close()


@pytest.fixture
def person(owner_client: Client) -> Person:
    return Person(owner_client)


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The records of every logger at DEBUG."""
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


def control(sandbox: RunningSandbox, path: str, **body: Any) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/{path}", json=body, timeout=TIMEOUT)
    answer.raise_for_status()


def dump() -> str:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows: list[str] = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows += [str(row[0]) for row in cursor.fetchall()]
    return "\n".join(rows)


def make_old(account: YandexAccount) -> None:
    issued = timezone.now() - timedelta(days=100)
    YandexAccount.objects.filter(pk=account.pk).update(token_issued_at=issued)


def go_through_every_state(person: Person, sandbox: RunningSandbox) -> None:
    """Link, deny, relink, refresh, lose the token, reconnect, disconnect, link again."""
    person.link()
    person.open_result(person.link(decision="deny"))
    account = YandexAccount.objects.get()
    make_old(account)
    assert refresh.refresh(account.pk, now=timezone.now()) is RefreshOutcome.RENEWED
    person.remember_tokens()
    make_old(account)
    control(sandbox, f"people/{person.login}/revoke-tokens", all=True)
    assert refresh.recover(account.pk) is False
    person.link("link-reauthorise", account.pk)
    disconnect = reverse("integrations:account-disconnect", args=[account.pk])
    person.pages += [person.client.get(disconnect).content.decode()]
    person.client.post(disconnect)
    person.link()


def test_linking_leads_to_the_list_of_counters(person: Person, sandbox: RunningSandbox) -> None:
    answer = person.link()

    account = YandexAccount.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == reverse("counters:add", args=[account.pk])
    assert (account.login, account.state) == ("okna-stolica", "active")
    assert set(account.scopes) == {"login:info", "metrika:read", "metrika:offline_data"}


def test_denied_consent_changes_nothing(person: Person, sandbox: RunningSandbox) -> None:
    answer = person.open_result(person.link(decision="deny"))

    assert "Подключение отменено" in answer.content.decode()
    assert not YandexAccount.objects.exists()


def test_one_cabinet_has_several_accounts(owner_client: Client, sandbox: RunningSandbox) -> None:
    for login in ("okna-stolica", "agency-media", "okna-stolica"):
        Person(owner_client, login).link()

    logins = YandexAccount.objects.order_by("login").values_list("login", flat=True)
    assert list(logins) == ["agency-media", "okna-stolica"]


def test_code_of_another_attempt_is_refused_by_yandex(
    person: Person, sandbox: RunningSandbox
) -> None:
    """S-18: the code was issued for another verifier."""
    stolen = person.decide(person.start())
    state = parse_qs(urlsplit(person.start()).query)["state"][0]

    answer = person.client.get(
        reverse("integrations:link-callback"),
        {"code": parse_qs(urlsplit(stolen).query)["code"][0], "state": state},
    )

    assert "Код подтверждения не подошёл" in person.open_result(answer).content.decode()
    assert not YandexAccount.objects.exists()


def test_fewer_scopes_are_refused(person: Person, sandbox: RunningSandbox) -> None:
    control(sandbox, "faults", name="scope_cut", times=1, scopes="login:info metrika:read")

    answer = person.open_result(person.link())

    assert answer.status_code == 403
    assert "Не хватает прав" in answer.content.decode()
    assert not YandexAccount.objects.exists()


def test_outage_has_a_message_of_its_own(person: Person, sandbox: RunningSandbox) -> None:
    control(sandbox, "faults", name="oauth_html_5xx", times=1)

    answer = person.open_result(person.link())

    assert answer.status_code == 503
    assert "Яндекс сейчас не отвечает" in answer.content.decode()


def test_other_account_chosen_at_reconnect_changes_nothing(
    owner_client: Client, sandbox: RunningSandbox
) -> None:
    """S-28"""
    Person(owner_client, "okna-stolica").link()
    account = YandexAccount.objects.get()

    other = Person(owner_client, "agency-media")
    answer = other.open_result(other.link("link-reauthorise", account.pk))

    assert answer.status_code == 409
    assert YandexAccount.objects.get().access_token == account.access_token


def test_token_revoked_by_yandex_requires_a_reconnect(
    person: Person, sandbox: RunningSandbox
) -> None:
    person.link()
    account = YandexAccount.objects.get()
    make_old(account)
    control(sandbox, f"people/{person.login}/revoke-tokens", all=True)

    assert refresh.recover(account.pk) is False

    account.refresh_from_db()
    assert (account.state, account.state_reason) == ("reauth_required", "invalid_grant")
    person.link("link-reauthorise", account.pk)
    account.refresh_from_db()
    assert account.state == "active"


def test_disconnecting_revokes_the_token_at_yandex(
    person: Person, owner: User, sandbox: RunningSandbox
) -> None:
    person.link()
    account = YandexAccount.objects.get()
    headers = {"Authorization": f"OAuth {account.access_token}"}
    assert requests.get(f"{sandbox.url}/info", headers=headers, timeout=TIMEOUT).ok

    person.client.post(reverse("integrations:account-disconnect", args=[account.pk]))

    assert not requests.get(f"{sandbox.url}/info", headers=headers, timeout=TIMEOUT).ok


@pytest.mark.contract("D6")
def test_no_secret_reaches_a_log_a_page_or_the_database(
    person: Person, sandbox: RunningSandbox, every_log: pytest.LogCaptureFixture
) -> None:
    """S-30, S-32, S-35: search for every code, state, verifier and token of a link."""
    go_through_every_state(person, sandbox)
    pages = "\n".join([*person.pages, person.client.get("/lk/integrations").content.decode()])
    # With tracebacks, as a handler writes them, and without the product's redaction filter.
    written = logging.Formatter("%(name)s %(message)s")
    logs = "\n".join(written.format(record) for record in every_log.records)
    stored = dump()

    options = sandbox.options
    basic = base64.b64encode(f"{options.client_id}:{options.client_secret}".encode()).decode()
    secrets = person.secrets | {options.client_secret, basic}
    assert len(secrets) > 15
    for place, text in {"logs": logs, "pages": pages, "database": stored}.items():
        found = [secret for secret in secrets if secret in text]
        assert not found, f"{len(found)} secrets in the {place}"
        assert not [shape for shape in TOKEN_SHAPES if shape.search(text)], place


def test_tracebacks_of_a_failed_link_have_no_secret(
    person: Person,
    sandbox: RunningSandbox,
    every_log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S-32: saving the new tokens fails, and Django logs the traceback."""
    monkeypatch.setattr(audit, "log_change", fail)
    person.client.raise_request_exception = False

    assert person.link().status_code == 500

    written = logging.Formatter("%(name)s %(message)s")
    logs = "\n".join(written.format(record) for record in every_log.records)
    assert "RuntimeError: the audit trail is full" in logs
    assert [secret for secret in person.secrets if secret in logs] == []
    assert [shape.pattern for shape in TOKEN_SHAPES if shape.search(logs)] == []


def fail(**_fields: object) -> None:
    raise RuntimeError("the audit trail is full")
