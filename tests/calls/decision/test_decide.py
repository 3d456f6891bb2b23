"""Every rule of sending, on both sides of its boundary, as decided and as explained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.decision.explain import explain_call
from calls.decision.redecide import decide_again
from calls.decision.rules import RULES
from calls.models import Call, Delivery
from calls.queries.stats import excluded_by_settings
from calls.states import Channel, DeliveryState, IdKind
from counters.models import Counter
from tests import factories
from tests.calls.stored import row_of, store_call

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
UNREADABLE = {"client_id": "", "unreadable_identifiers": {"ClientId": "1,71803E+18"}}
SUBDOMAINS = {"site_mode": "own", "with_subdomains": True}
ROUTING = ("calls_off", "goal_not_set", "site_unknown", "site", "campaign")
A_LIST = {"site_mode": "list", "site_hosts": ["a.example"]}

# (settings of the counter, fields of the call, the reason or None when it passes)
CASES: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    ({}, {}, None),
    ({}, {"is_test": True}, "test_call"),
    ({}, {"is_finished": False}, "not_finished"),
    ({"configured_at": None}, {}, "before_connection"),
    ({"configured_at": None, "added_at": LONG_AGO}, {}, "not_configured"),
    ({"enabled": False}, {}, "counter_off"),
    ({"send_calls": False}, {}, "calls_off"),
    ({}, {"is_technical": True}, "technical"),
    ({"skip_technical": False}, {"is_technical": True}, None),
    ({"call_kind": "callback"}, {"kind": "callback"}, None),
    ({"call_kind": "callback"}, {"kind": "dynamic"}, "call_type"),
    ({"call_kind": "incoming"}, {"kind": "dynamic"}, None),
    ({"call_kind": "incoming"}, {"kind": "callback"}, "call_type"),
    ({"call_kind": "incoming", "accepts_dynamic": False}, {"kind": "dynamic"}, "call_type"),
    ({"call_kind": "incoming", "accepts_dynamic": False}, {"kind": "static"}, None),
    ({"call_kind": "incoming", "accepts_static": False}, {"kind": "static"}, "call_type"),
    ({"call_kind": "all", "accepts_static": False}, {"kind": "static"}, None),
    ({"call_status": "success"}, {"status": "success"}, None),
    ({"call_status": "success"}, {"status": "fail"}, "status"),
    ({"call_status": "fail"}, {"status": "fail"}, None),
    ({"call_status": "fail"}, {"status": "success"}, "status"),
    ({"min_duration_seconds": 60}, {"duration_seconds": 59}, "too_short"),
    ({"min_duration_seconds": 60}, {"duration_seconds": 60}, None),
    ({"uniqueness": "unique"}, {"is_unique": True}, None),
    ({"uniqueness": "unique"}, {"is_unique": False}, "uniqueness"),
    ({"uniqueness": "target"}, {"is_target": True}, None),
    ({"uniqueness": "target"}, {"is_target": False}, "uniqueness"),
    ({"uniqueness": "unique_target"}, {"is_unique_target": True}, None),
    ({"uniqueness": "unique_target"}, {"is_unique_target": False}, "uniqueness"),
    ({"site_mode": "own"}, {"site_host": "okna-stolica.example"}, None),
    ({"site_mode": "own"}, {"site_host": "klinika-ural.example"}, "site"),
    ({"site_mode": "own"}, {"site_host": ""}, "site_unknown"),
    ({"site_mode": "own", "site_host": ""}, {"site_host": ""}, "site_unknown"),
    ({"site_mode": "own", "mirror_hosts": ["m.example"]}, {"site_host": "m.example"}, None),
    ({"site_mode": "all"}, {"site_host": "klinika-ural.example"}, None),
    ({"site_mode": "list", "site_hosts": ["a.example"]}, {"site_host": "a.example"}, None),
    ({"site_mode": "list", "site_hosts": ["a.example"]}, {"site_host": "b.example"}, "site"),
    ({"site_mode": "list", "site_hosts": ["a.example"]}, {"site_host": ""}, "site_unknown"),
    ({"campaigns": ["1000"]}, {"campaign_id": "1000"}, None),
    ({"campaigns": ["распродажа"]}, {"campaign_name": "Распродажа"}, None),
    ({"campaigns": ["1001"]}, {}, "campaign"),
    ({}, {"client_id": ""}, None),
    ({}, {"client_id": "", "kind": "unknown"}, None),
    ({"unlinked_mode": "skip"}, {"client_id": ""}, "unlinked_off"),
    ({"unlinked_mode": "skip"}, {"client_id": "", "kind": "unknown"}, "unlinked_off"),
    ({"unlinked_mode": "skip"}, {"client_id": "", "kind": "static"}, None),
    ({"unlinked_mode": "skip"}, {"client_id": "", "kind": "callback"}, "no_identifier"),
    ({}, UNREADABLE, "identifier_unreadable"),
    ({"unlinked_mode": "skip"}, UNREADABLE, "identifier_unreadable"),
    ({}, UNREADABLE | {"yclid": "77"}, None),
    ({}, UNREADABLE | {"kind": "static"}, None),
    ({}, UNREADABLE | {"kind": "callback"}, "identifier_unreadable"),
    ({"identifier_order": ["Yclid", "UserId"]}, UNREADABLE, "identifier_unreadable"),
    ({"identifier_order": ["Yclid"]}, {"client_id": "7"}, None),
    ({}, {"client_id": "1e5"}, "identifier_unreadable"),
    ({}, {"client_id": "", "yclid": "77"}, None),
    ({}, {"client_id": "", "kind": "callback"}, "no_identifier"),
    ({}, {"client_id": "", "kind": "static"}, None),
    ({"identifier_order": ["UserId"]}, {"user_id": "", "kind": "callback"}, "no_identifier"),
    ({"call_kind": "incoming"}, {"kind": "unknown"}, None),
    ({"call_kind": "incoming", "accepts_static": False}, {"kind": "unknown"}, None),
    ({"call_kind": "incoming", "accepts_dynamic": False}, {"kind": "unknown"}, None),
    ({"call_kind": "callback"}, {"kind": "unknown"}, "call_type"),
    (SUBDOMAINS, {"site_host": "spb.okna-stolica.example"}, None),
    (SUBDOMAINS, {"site_host": "a.b.okna-stolica.example"}, None),
    (SUBDOMAINS, {"site_host": "okna-stolica.example"}, None),
    (SUBDOMAINS, {"site_host": "notokna-stolica.example"}, "site"),
    (SUBDOMAINS, {"site_host": "stolica.example"}, "site"),
    (SUBDOMAINS, {"site_host": ""}, "site_unknown"),
    (SUBDOMAINS | {"site_host": ""}, {"site_host": "a.example"}, "site"),
    (SUBDOMAINS | {"mirror_hosts": ["m.example"]}, {"site_host": "a.m.example"}, None),
    ({"site_mode": "own"}, {"site_host": "spb.okna-stolica.example"}, "site"),
    (SUBDOMAINS | A_LIST, {"site_host": "spb.a.example"}, None),
    (SUBDOMAINS | A_LIST, {"site_host": "spb-a.example"}, "site"),
    (A_LIST, {"site_host": "spb.a.example"}, "site"),
]


@pytest.mark.parametrize(("settings", "fields", "reason"), CASES)
def test_rule_decides(
    cabinet: Cabinet, settings: dict[str, Any], fields: dict[str, Any], reason: str | None
) -> None:
    factories.make_counter(account=factories.make_account(cabinet=cabinet), **settings)

    call = store_call(cabinet=cabinet, **fields)

    if reason in ROUTING:
        assert not call.deliveries.exists()
        return
    row = row_of(call)
    expected = DeliveryState.WAITING if reason is None else DeliveryState.SKIPPED
    assert (row.state, row.reason) == (expected, reason)


@pytest.mark.parametrize(
    ("settings", "fields", "reason"), [case for case in CASES if case[2] in ROUTING]
)
def test_row_that_exists_gets_the_reason_of_routing_and_returns(
    cabinet: Cabinet, settings: dict[str, Any], fields: dict[str, Any], reason: str
) -> None:
    counter = factories.make_counter(account=factories.make_account(cabinet=cabinet))
    before = {name: getattr(counter, name) for name in settings}
    call = store_call(cabinet=cabinet, **fields)

    Counter.objects.update(**settings)
    decide_again(counter.pk, now=timezone.now())
    assert (row_of(call).state, row_of(call).reason) == (DeliveryState.SKIPPED, reason)

    Counter.objects.update(**before)
    decide_again(counter.pk, now=timezone.now())
    assert (row_of(call).state, row_of(call).reason) == (DeliveryState.WAITING, None)


@pytest.mark.parametrize(("settings", "fields", "reason"), CASES)
def test_explanation_names_the_rule_that_decided(
    cabinet: Cabinet, settings: dict[str, Any], fields: dict[str, Any], reason: str | None
) -> None:
    counter = factories.make_counter(account=factories.make_account(cabinet=cabinet), **settings)
    call = store_call(cabinet=cabinet, **fields)

    verdicts = explain_call(call.pk)[counter.pk, Channel.CALLS]

    first_failed = next((one.code for one in verdicts if not one.passed), None)
    assert first_failed == reason
    assert [one.code for one in verdicts] == [rule.code for rule in RULES]


def test_every_call_has_one_row_per_counter_and_channel_in_use(cabinet: Cabinet) -> None:
    account = factories.make_account(cabinet=cabinet)
    for _ in range(2):
        counter = factories.make_counter(account=account)
        Counter.objects.filter(pk=counter.pk).update(goal=factories.make_goal(counter=counter))
    factories.make_counter(account=factories.make_account(cabinet=factories.make_cabinet()))

    call = store_call(cabinet=cabinet)
    decide([call.pk], now=timezone.now())

    assert Delivery.objects.filter(call_id=call.pk).count() == 4


def test_goal_channel_needs_a_goal_that_exists(cabinet: Cabinet, counter: Counter) -> None:
    without_goal = store_call(cabinet=cabinet)
    goal = factories.make_goal(counter=counter)
    Counter.objects.filter(pk=counter.pk).update(goal=goal)
    with_goal = store_call(cabinet=cabinet)
    goal.deleted_at = timezone.now()
    goal.save(update_fields=["deleted_at"])
    with_lost_goal = store_call(cabinet=cabinet)

    assert not without_goal.deliveries.filter(channel=Channel.GOAL).exists()
    assert row_of(with_goal, Channel.GOAL).state == DeliveryState.WAITING
    assert row_of(with_lost_goal, Channel.GOAL).reason == "goal_gone"
    # It waits for another goal, as the calls do that came before the goal was deleted.
    Counter.objects.filter(pk=counter.pk).update(goal=factories.make_goal(counter=counter))
    decide_again(counter.pk, now=timezone.now())
    assert row_of(with_lost_goal, Channel.GOAL).state == DeliveryState.WAITING


def test_static_call_reaches_the_reports_but_no_goal(cabinet: Cabinet, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(goal=factories.make_goal(counter=counter))

    call = store_call(cabinet=cabinet, kind="static")

    assert (row_of(call).state, row_of(call).is_static) == (DeliveryState.WAITING, True)
    assert row_of(call, Channel.GOAL).reason == "static_no_goal"


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (["ClientId", "Yclid", "UserId"], IdKind.CLIENT_ID),
        (["Yclid", "ClientId", "UserId"], IdKind.YCLID),
        (["UserId", "Yclid", "ClientId"], IdKind.USER_ID),
    ],
)
def test_first_present_identifier_of_the_counters_order_is_used(
    cabinet: Cabinet, order: list[str], kind: IdKind
) -> None:
    factories.make_counter(account=factories.make_account(cabinet=cabinet), identifier_order=order)

    call = store_call(cabinet=cabinet, client_id="1", yclid="2", user_id="three")

    assert row_of(call).id_kind == kind


@time_machine.travel(NOW, tick=False)
def test_call_older_than_the_horizon_has_expired(cabinet: Cabinet, counter: Counter) -> None:
    horizon = timedelta(days=21)
    at_the_end = store_call(cabinet=cabinet, started_at=NOW - horizon)
    just_inside = store_call(cabinet=cabinet, started_at=NOW - horizon + timedelta(seconds=1))

    assert row_of(at_the_end).state == DeliveryState.EXPIRED
    assert row_of(just_inside).state == DeliveryState.WAITING
    assert row_of(just_inside).expires_at == NOW + timedelta(seconds=1)


@time_machine.travel(NOW, tick=False)
def test_deferred_call_waits_from_its_end(cabinet: Cabinet, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(defer_value=7, defer_unit="days")
    started = NOW - timedelta(hours=1)

    call = store_call(cabinet=cabinet, started_at=started, duration_seconds=100)

    assert row_of(call).not_before == started + timedelta(seconds=100, days=7)


@time_machine.travel(NOW, tick=False)
def test_failed_attempt_waits_for_the_next_one(
    cabinet: Cabinet, counter: Counter, settings: Any
) -> None:
    settings.ATTEMPT_WAIT_SECONDS = 600
    order: dict[str, Any] = {
        "kind": "callback",
        "order_key": 10,
        "callback_id": 10,
        "attempt": 1,
    }

    failed = store_call(cabinet=cabinet, status="fail", **order)
    answered = store_call(cabinet=cabinet, status="success", **order | {"order_key": 11})

    assert row_of(failed).not_before == NOW + timedelta(seconds=600)
    assert row_of(answered).not_before == NOW


def test_later_attempt_replaces_the_earlier_one(cabinet: Cabinet, counter: Counter) -> None:
    first = store_call(cabinet=cabinet, kind="callback", order_key=10, attempt=1, status="fail")
    second = store_call(cabinet=cabinet, kind="callback", order_key=10, attempt=2)

    assert row_of(first).reason == "not_last_attempt"
    assert row_of(second).state == DeliveryState.WAITING


def test_earlier_attempt_that_arrives_late_is_not_sent(cabinet: Cabinet, counter: Counter) -> None:
    second = store_call(cabinet=cabinet, kind="callback", order_key=10, attempt=2)
    first = store_call(cabinet=cabinet, kind="callback", order_key=10, attempt=1, status="fail")

    assert row_of(first).reason == "not_last_attempt"
    assert row_of(second).state == DeliveryState.WAITING


def test_attempts_of_another_cabinet_do_not_count(cabinet: Cabinet, counter: Counter) -> None:
    first = store_call(cabinet=cabinet, kind="callback", order_key=10, attempt=1)
    other = factories.make_cabinet()
    store_call(cabinet=other, kind="callback", order_key=10, attempt=2)

    decide([first.pk], now=timezone.now())

    assert row_of(first).state == DeliveryState.WAITING


def test_changed_call_is_decided_anew(cabinet: Cabinet, counter: Counter) -> None:
    call = store_call(cabinet=cabinet, is_finished=False)
    assert row_of(call).reason == "not_finished"

    Call.objects.filter(pk=call.pk).update(is_finished=True)
    decide([call.pk], now=timezone.now())

    assert (row_of(call).state, row_of(call).reason) == (DeliveryState.WAITING, None)


def test_batched_row_is_never_decided_anew(cabinet: Cabinet, counter: Counter) -> None:
    call = store_call(cabinet=cabinet)
    Delivery.objects.filter(call_id=call.pk, channel=Channel.CALLS).update(
        state=DeliveryState.BATCHED, upload_id=1, row_number=1, call_revision=1
    )

    Call.objects.filter(pk=call.pk).update(is_test=True)
    decide([call.pk], now=timezone.now())
    decide_again(counter.pk, now=timezone.now())

    assert row_of(call).state == DeliveryState.BATCHED


def test_change_of_a_call_does_not_put_it_at_the_end_of_the_queue(
    cabinet: Cabinet, counter: Counter
) -> None:
    with time_machine.travel(NOW, tick=False):
        call = store_call(cabinet=cabinet)
        Call.objects.filter(pk=call.pk).update(client_id="", yclid="5")
        decide([call.pk], now=NOW + timedelta(minutes=5))

    assert row_of(call).not_before == NOW


def test_call_excluded_by_settings_returns_with_them_and_a_skipped_one_does_not(
    cabinet: Cabinet, counter: Counter
) -> None:
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=100)
    long, short = (store_call(cabinet=cabinet, duration_seconds=seconds) for seconds in (150, 50))

    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=200)
    decide_again(counter.pk, now=timezone.now())
    assert row_of(long).reason == "too_short"
    assert excluded_by_settings(counter) == 1

    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=0)
    decide_again(counter.pk, now=timezone.now())
    assert (row_of(long).state, row_of(long).reason) == (DeliveryState.WAITING, None)
    assert row_of(short).reason == "too_short"
    assert excluded_by_settings(counter) == 0


def test_longer_deferral_applies_to_waiting_calls(cabinet: Cabinet, counter: Counter) -> None:
    with time_machine.travel(NOW, tick=False):
        call = store_call(cabinet=cabinet, started_at=NOW, duration_seconds=0)
        Counter.objects.filter(pk=counter.pk).update(defer_value=3, defer_unit="hours")
        decide_again(counter.pk, now=NOW)

    assert row_of(call).not_before == NOW + timedelta(hours=3)


def test_waiting_call_survives_its_counter_being_switched_off(
    cabinet: Cabinet, counter: Counter
) -> None:
    call = store_call(cabinet=cabinet)

    Counter.objects.filter(pk=counter.pk).update(enabled=False)
    decide([call.pk], now=timezone.now())

    assert row_of(call).state == DeliveryState.WAITING


def test_removed_counter_gets_no_rows(cabinet: Cabinet, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(removed_at=timezone.now())

    call = store_call(cabinet=cabinet)

    assert not Delivery.objects.filter(call_id=call.pk).exists()
