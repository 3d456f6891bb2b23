"""Trouble in the middle pauses what it concerns, says so, and lets everything else go on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
import time_machine
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, sending
from calls.models import Upload
from calls.queries.blockers import blocker_of
from calls.states import UploadState
from counters.models import Counter
from counters.sync.refresh import refresh_account
from devtools.sandbox import RunningSandbox
from integrations.limits.quota_reset import JITTER, next_midnight
from integrations.models import YandexAccount
from integrations.tokens import probe
from tests import factories
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import COUNTER, SCOPES, Actor, control

NEIGHBOUR = 91234568


@pytest.fixture
def both(cabinet: Cabinet, linked_counter: Counter) -> Counter:
    """The usual counter, beside it one of the same login, each with a file that is ready."""
    factories.make_counter(account=linked_counter.account, number=NEIGHBOUR, name="Балконы")
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    assert Upload.objects.count() == 2
    return linked_counter


def send() -> None:
    sending.send_due(seconds=30)


def held(sandbox: RunningSandbox) -> dict[int, int]:
    summary = control(sandbox, "ledger")["ledger"]
    return {row["counter"]: row["rows"] for row in summary}


def blocker(counter: Counter) -> str:
    return blocker_of(
        Counter.objects.select_related("account").get(pk=counter.pk), now=timezone.now()
    )


def give_tokens(counter: Counter, answer: dict[str, Any], *, days_old: int = 1) -> None:
    """Let the counter's account hold the tokens of a link, as if it was made some days ago."""
    account = YandexAccount.objects.get(pk=counter.account_id)
    account.access_token, account.refresh_token = answer["access_token"], answer["refresh_token"]
    account.token_issued_at = timezone.now() - timedelta(days=days_old)
    account.save(update_fields=["access_token", "refresh_token", "token_issued_at"])


def look_at_counters(hours: int) -> None:
    account = YandexAccount.objects.get()
    YandexAccount.objects.update(counters_refreshed_at=timezone.now() - timedelta(hours=hours))
    assert refresh_account(account.pk, now=timezone.now()) is True


def test_a_withdrawn_right_stops_one_counter_and_its_return_needs_no_click(
    both: Counter, sandbox: RunningSandbox, owner_client: Client
) -> None:
    change = f"people/okna-stolica/counters/{COUNTER}"
    control(sandbox, change, permission="view")

    send()
    send()

    assert held(sandbox) == {NEIGHBOUR: 1}
    assert "Доступ к счетчику потерян" in blocker(both)
    assert "Счетчиков без доступа: 1" in owner_client.get("/lk/integrations").content.decode()

    control(sandbox, change, permission="own")
    look_at_counters(2)
    send()
    send()

    assert held(sandbox) == {COUNTER: 1, NEIGHBOUR: 1}


def test_a_counter_deleted_in_metrika_stops_and_its_restoration_needs_no_click(
    both: Counter, sandbox: RunningSandbox
) -> None:
    change = f"people/okna-stolica/counters/{COUNTER}"
    control(sandbox, change, status="Deleted")

    send()
    send()

    assert held(sandbox) == {NEIGHBOUR: 1}
    assert blocker(both) != ""

    control(sandbox, change, status="Active")
    look_at_counters(2)
    send()

    assert held(sandbox) == {COUNTER: 1, NEIGHBOUR: 1}


@pytest.mark.contract("B13")
def test_a_revoked_token_stops_one_account_after_one_request_and_a_new_link_lets_all_go_once(
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
    """Let the token lack the right to upload; ``scopes`` are what we believe it has."""
    metrika.link(scope="login:info metrika:read")
    account = YandexAccount.objects.get()
    account.access_token, account.scopes = metrika.token, scopes
    account.save(update_fields=["access_token", "scopes"])


def test_a_right_that_was_not_granted_asks_for_a_new_link_after_one_refusal(
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


def test_a_right_that_was_cut_later_is_found_by_contradiction_and_does_not_flicker(
    cabinet: Cabinet, both: Counter, sandbox: RunningSandbox, metrika: Actor, owner_client: Client
) -> None:
    link_without_upload_right(metrika, scopes=SCOPES.split())

    for _ in range(4):
        send()
        if YandexAccount.objects.get().is_usable:
            look_at_counters(2)

    account = YandexAccount.objects.get()
    assert (account.state, account.state_reason) == ("reauth_required", "scope_lost")
    # each of the two counters was tried twice, and never again
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


@pytest.mark.parametrize("change", [{"enabled": False}, {"removed_at": timezone.now()}])
def test_a_counter_stopped_between_decision_and_send_sends_nothing_more(
    both: Counter, sandbox: RunningSandbox, change: dict[str, Any]
) -> None:
    Counter.objects.filter(pk=both.pk).update(**change)

    send()

    assert held(sandbox) == {NEIGHBOUR: 1}


@pytest.mark.contract("B9")
def test_an_error_inside_a_success_is_looked_up_and_never_split(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    body = '{"errors": [{"error_type": "invalid_uploading", "message": "bad"}], "code": 400}'
    for _ in range(2):
        store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    fault(sandbox, "garbage_200", body=body, match={"path_contains": "upload_calls"})

    send()

    assert Upload.objects.get().state == UploadState.UNCLEAR
    assert rows_in_metrika(sandbox) == []


@pytest.mark.contract("B13")
def test_tokens_that_metrika_refuses_however_new_stop_the_account_after_one_renewal(
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
def test_tokens_refused_by_mistake_are_tried_every_hour_and_no_person_is_needed(
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
    """Let the hourly question come due; return how many accounts it found and its answer."""
    found = probe.due(moment)
    return len(found), probe.probe(YandexAccount.objects.get().pk, now=moment)


@pytest.mark.contract("B11")
def test_a_spent_quota_of_one_counter_lets_the_others_of_its_login_go_on(
    cabinet: Cabinet,
    working_day: time_machine.Traveller,
    both: Counter,
    sandbox: RunningSandbox,
) -> None:
    midnight = next_midnight(timezone.now())
    limit = {"error_type": "quota_requests_by_counter_id", "times": None}
    about = {"match": {"path_contains": f"{COUNTER}/offline_conversions"}}
    fault(sandbox, "status_429", **limit, **about)

    send()
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    send()

    assert held(sandbox) == {NEIGHBOUR: 2}
    poor = Upload.objects.filter(counter=both)
    assert sum(poor.values_list("attempts", flat=True)) == 1
    waits = list(poor.values_list("not_before", flat=True))
    assert all(midnight <= until <= midnight + JITTER for until in waits)
    assert "Метрика просит паузу" in blocker(both)
    assert blocker(Counter.objects.get(number=NEIGHBOUR)) == ""


def test_a_renewal_that_cannot_be_noted_costs_no_answer(
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
def test_a_renewed_token_that_was_taken_is_renewed_again_when_it_is_refused_later(
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
