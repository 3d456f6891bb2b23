"""Rules that do not apply to a call: of the other channel, or of a setting that is not in use."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cabinets.models import Cabinet
from calls.decision.explain import Verdict, explain_call
from calls.states import Channel
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.stored import store_call


def verdicts(counter: Counter, channel: Channel, **fields: Any) -> dict[str, Verdict]:
    call = store_call(cabinet=counter.cabinet, **fields)
    return {one.code: one for one in explain_call(call.pk)[counter.pk, channel]}


def not_applied(counter: Counter, channel: Channel, **fields: Any) -> set[str]:
    found = verdicts(counter, channel, **fields)
    assert all(one.passed for one in found.values() if not one.applies)
    return {code for code, one in found.items() if not one.applies}


OF_CALLS = {"calls_off"}
OF_GOAL = {"goal_not_set", "goal_gone", "goal_unusable", "static_no_goal"}
OF_SETTINGS = {"call_type", "status", "too_short", "uniqueness", "site_unknown", "site", "campaign"}


def test_rules_of_the_other_channel_do_not_apply(counter: Counter) -> None:
    calls, goal = (not_applied(counter, channel) for channel in (Channel.CALLS, Channel.GOAL))

    assert calls >= OF_GOAL
    assert not calls & OF_CALLS
    assert goal >= OF_CALLS
    assert "goal_not_set" not in goal
    assert "static_no_goal" not in goal
    # Without a goal nothing can be said about it.
    assert {"goal_gone", "goal_unusable"} <= goal


def test_rules_of_settings_that_are_not_in_use_do_not_apply(
    cabinet: Cabinet, counter: Counter
) -> None:
    assert not_applied(counter, Channel.CALLS) >= OF_SETTINGS | {
        "before_connection",
        "not_last_attempt",
    }
    strict = factories.make_counter(
        account=counter.account,
        call_kind="incoming",
        call_status="success",
        min_duration_seconds=60,
        uniqueness="unique",
        site_mode="own",
        campaigns=["1000"],
    )
    assert not not_applied(strict, Channel.CALLS) & OF_SETTINGS


@pytest.mark.parametrize(
    ("settings", "fields", "code"),
    [
        ({"skip_technical": False}, {"is_technical": True}, "technical"),
        ({"site_mode": "own"}, {"site_host": ""}, "site"),
        ({}, {"kind": "static", "client_id": ""}, "no_identifier"),
        ({}, {"kind": "static", "client_id": ""}, "unlinked_off"),
        ({}, {"kind": "dynamic", "client_id": ""}, "no_identifier"),
        ({}, {"kind": "dynamic", "client_id": ""}, "unlinked_no_goal"),
        ({}, {"kind": "callback"}, "unlinked_off"),
        ({}, {"client_id": ""}, "identifier_unreadable"),
    ],
)
def test_rule_says_nothing_about_such_a_call(
    counter: Counter, settings: dict[str, Any], fields: dict[str, Any], code: str
) -> None:
    Counter.objects.update(**settings or {"name": "Окна"})

    assert code in not_applied(counter, Channel.CALLS, **fields)


def test_page_says_that_a_rule_does_not_apply(
    cabinet: Cabinet, counter: Counter, owner_client: Client
) -> None:
    call = store_call(cabinet=cabinet)

    page = owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()

    assert "Не проверяем: Разговор достаточно длинный" in page
    assert "Не проверяем: Заказавший обратный звонок известен" in page
    assert "Не проверяем: Посетитель известен или звонок идёт непривязанным" not in page


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("mode", ["static", "skip"])
def test_call_that_waits_for_a_person_has_one_reason(
    account: YandexAccount, channel: Channel, mode: str
) -> None:
    counter = factories.make_counter(account=account, unlinked_mode=mode)
    counter.goal = factories.make_goal(counter=counter)
    counter.save(update_fields=["goal"])

    found = verdicts(
        counter, channel, client_id="", unreadable_identifiers={"ClientId": "1,71803E+18"}
    )

    assert [code for code, one in found.items() if not one.passed] == ["identifier_unreadable"]
    assert not found["unlinked_no_goal"].applies
    assert not found["unlinked_off"].applies
