"""Refused tokens and missing scopes pause their account, and all is sent after reconnection."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching
from calls.models import Upload
from calls.states import UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from integrations.tokens import probe
from tests import factories
from tests.calls.delivery.pausing import (
    NEIGHBOUR,
    blocker,
    give_tokens,
    held,
    refresh_counters,
    send,
)
from tests.calls.sandbox_world import fault
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import COUNTER, SCOPES, Actor, control

UPLOADS = {"path_contains": "upload_calls"}


@pytest.mark.contract("B13")
def test_a_revoked_token_pauses_its_account_after_one_request_and_a_new_link_sends_all_once(
    cabinet: Cabinet,
    both: Counter,
    sandbox: RunningSandbox,
    metrika: Actor,
    owner_client: Client,
) -> None:
    clinic = Actor(sandbox, "klinika-ural")
    clinic.link()
    other = factories.make_account(cabinet=cabinet, access_token=clinic.token)
    theirs = factories.make_counter(account=other, number=91300042)
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    control(sandbox, "people/okna-stolica/revoke-tokens", now=True)

    send()

    account = YandexAccount.objects.get(pk=both.account_id)
    assert account.state == YandexAccount.State.REAUTH_REQUIRED
    assert held(sandbox) == {theirs.number: 1}
    waiting = Upload.objects.filter(counter__account=account)
    assert set(waiting.values_list("state", flat=True)) <= {UploadState.READY, UploadState.LATER}
    assert sum(waiting.values_list("attempts", flat=True)) == 1
    assert "нужно переподключить" in owner_client.get("/lk/integrations").content.decode()

    metrika.link()
    account.access_token, account.state = metrika.token, YandexAccount.State.ACTIVE
    account.save(update_fields=["access_token", "state"])
    Upload.objects.update(not_before=timezone.now())
    send()
    send()

    assert held(sandbox) == {COUNTER: 2, NEIGHBOUR: 2, theirs.number: 1}


def link_without_upload_right(metrika: Actor, *, scopes: list[str]) -> None:
    """Give the account a token without the right to upload; ``scopes`` are what we store."""
    metrika.link(scope="login:info metrika:read")
    account = YandexAccount.objects.get()
    account.access_token, account.scopes = metrika.token, scopes
    account.save(update_fields=["access_token", "scopes"])


def test_a_scope_that_was_not_granted_requires_reconnection_after_one_refusal(
    cabinet: Cabinet, both: Counter, sandbox: RunningSandbox, metrika: Actor
) -> None:
    link_without_upload_right(metrika, scopes=["login:info", "metrika:read"])

    send()
    send()

    account = YandexAccount.objects.get()
    assert (account.state, account.state_reason) == ("reauth_required", "scope_lost")
    assert held(sandbox) == {}
    assert sum(Upload.objects.values_list("attempts", flat=True)) == 1
    assert "не хватило прав" in blocker(both)


def test_a_scope_withdrawn_later_is_detected_by_the_refresh_and_stays_detected(
    cabinet: Cabinet, both: Counter, sandbox: RunningSandbox, metrika: Actor, owner_client: Client
) -> None:
    link_without_upload_right(metrika, scopes=SCOPES.split())

    for _ in range(4):
        send()
        if YandexAccount.objects.get().is_usable:
            refresh_counters(2)

    account = YandexAccount.objects.get()
    assert (account.state, account.state_reason) == ("reauth_required", "scope_lost")
    # two attempts for each of the two counters, and none after that
    assert sorted(Upload.objects.values_list("attempts", flat=True)) == [2, 2]
    assert "не хватает прав на отправку" in owner_client.get("/lk/integrations").content.decode()

    metrika.link()
    account.access_token, account.state, account.state_reason = metrika.token, "active", ""
    account.save(update_fields=["access_token", "state", "state_reason"])
    Counter.objects.update(access=Counter.Access.OK)
    Upload.objects.update(not_before=timezone.now())
    send()
    assert held(sandbox) == {COUNTER: 1, NEIGHBOUR: 1}
    assert set(Counter.objects.values_list("refused_uploads", flat=True)) == {0}


def test_a_counter_refused_while_its_neighbour_is_taken_is_stopped_and_not_its_account(
    cabinet: Cabinet, both: Counter, sandbox: RunningSandbox
) -> None:
    fault(sandbox, "access_denied", times=None, match={"counter": COUNTER, **UPLOADS})

    for _ in range(3):
        send()
        refresh_counters(2)
        store_call(cabinet=cabinet)
        batching.build_uploads(now=timezone.now())

    account = YandexAccount.objects.get()
    both.refresh_from_db()
    assert account.is_usable
    assert (both.stopped_cause, both.access) == (Counter.StopCause.REJECTING, "ok")
    assert held(sandbox) == {NEIGHBOUR: 3}
    assert "Метрика отклоняет файлы этого счетчика" in blocker(both)


@pytest.mark.contract("B13")
def test_a_renewed_token_that_metrika_refuses_pauses_the_account_after_one_renewal(
    both: Counter, sandbox: RunningSandbox, metrika: Actor
) -> None:
    give_tokens(both, metrika.link())
    fault(sandbox, "invalid_token", times=None)

    for _ in range(4):
        send()

    account = YandexAccount.objects.get()
    assert (account.state, account.state_reason) == ("reauth_required", "token_rejected")
    assert sum(Upload.objects.values_list("attempts", flat=True)) == 2
    assert held(sandbox) == {}


@pytest.mark.contract("B13")
def test_valid_tokens_that_metrika_refused_are_probed_hourly_and_recover_by_themselves(
    both: Counter, sandbox: RunningSandbox, metrika: Actor
) -> None:
    give_tokens(both, metrika.link())
    fault(sandbox, "invalid_token", times=None)
    for _ in range(2):
        send()
    account = YandexAccount.objects.get()
    given_up_at = account.state_changed_at
    assert given_up_at is not None

    assert probe_at(given_up_at + timedelta(minutes=59)) == (0, False)
    assert probe_at(given_up_at + timedelta(hours=1)) == (1, False)
    requests.delete(f"{sandbox.url}/_sandbox/faults", timeout=10).raise_for_status()
    assert probe_at(given_up_at + timedelta(minutes=119)) == (0, False)
    assert held(sandbox) == {}
    assert probe_at(given_up_at + timedelta(hours=2)) == (1, True)

    account.refresh_from_db()
    assert (account.state, account.state_reason) == ("active", "")
    send()
    assert held(sandbox) == {COUNTER: 1, NEIGHBOUR: 1}


def probe_at(moment: datetime) -> tuple[int, bool]:
    """Probe the account; return how many were due then and whether the token is accepted."""
    found = probe.due(moment)
    return len(found), probe.probe(YandexAccount.objects.get().pk, now=moment)


def test_an_answer_is_recorded_even_if_the_acceptance_of_a_renewed_token_is_not(
    both: Counter, sandbox: RunningSandbox, metrika: Actor
) -> None:
    give_tokens(both, metrika.link())
    YandexAccount.objects.update(renewed_at=timezone.now())
    tried = []

    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        if 'SET "renewed_at" = NULL' in sql:
            tried.append(sql)
            raise DatabaseError("away")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail):
        send()

    assert tried
    assert set(Upload.objects.values_list("state", flat=True)) == {UploadState.SENT}
    assert held(sandbox) == {COUNTER: 1, NEIGHBOUR: 1}


@pytest.mark.contract("B13")
def test_a_renewed_token_that_was_accepted_is_renewed_again_when_refused_later(
    cabinet: Cabinet, both: Counter, sandbox: RunningSandbox, metrika: Actor
) -> None:
    give_tokens(both, metrika.link())
    for files in (1, 2):
        fault(sandbox, "invalid_token")
        send()
        send()

        account = YandexAccount.objects.get()
        assert (account.state, account.renewed_at) == ("active", None)
        assert held(sandbox) == {COUNTER: files, NEIGHBOUR: files}
        store_call(cabinet=cabinet)
        batching.build_uploads(now=timezone.now())
