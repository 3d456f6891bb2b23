"""A goal created in Metrika: once, whatever is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import AuditEvent
from counters.models import Counter, Goal
from counters.sync.goal_creation import (
    FULL,
    NO_SCOPE,
    NOT_ASKED,
    PRESETS,
    GoalNotCreated,
    GoalWanted,
    ensure_goal,
)
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from tests import factories
from tests.devtools.sandbox.actor import control

NUMBER = 91234602
WRITE = ["login:info", "metrika:read", "metrika:offline_data", "metrika:write"]


@pytest.fixture
def target(okna: YandexAccount, sandbox: RunningSandbox) -> Counter:
    """A counter of an account that may create goals, without a goal of its own."""
    token = sandbox.world.tokens.issue(
        login=okna.login,
        client_id=sandbox.options.client_id,
        scopes=" ".join(WRITE),
        device_id=okna.device_id,
    )
    okna.access_token, okna.scopes = token["access"], WRITE
    okna.save()
    for goal in sandbox.world.goals.of(NUMBER):
        sandbox.world.goals.delete(NUMBER, goal["id"])
    return factories.make_counter(account=okna, number=NUMBER)


def ensure(counter: Counter, owner: User, wanted: GoalWanted) -> tuple[Goal, bool]:
    return ensure_goal(counter, wanted, actor=owner, now=timezone.now())


def goals_at_metrika(sandbox: RunningSandbox) -> list[tuple[str, str, str]]:
    found = sandbox.world.goals.of(NUMBER)
    return [
        (goal["name"], goal["conditions"][0]["type"], goal["conditions"][0]["url"])
        for goal in found
    ]


def test_goal_is_created_once_and_stored(
    target: Counter, owner: User, sandbox: RunningSandbox
) -> None:
    first, is_new = ensure(target, owner, PRESETS["calltracking"])
    second, is_new_again = ensure(target, owner, PRESETS["calltracking"])

    assert (is_new, is_new_again, first) == (True, False, second)
    assert first.identifier == "calltracking_call_order"
    made = ("Звонок коллтрекинга", "exact", "calltracking_call_order")
    assert goals_at_metrika(sandbox) == [made]
    assert AuditEvent.objects.get().action == "counter.goal_created"


def test_lost_answer_is_looked_up_and_not_repeated(
    target: Counter, owner: User, sandbox: RunningSandbox
) -> None:
    match = {"path_contains": "/goals", "method": "POST"}
    control(sandbox, "faults", name="reset_after_taken", match=match)

    goal, is_new = ensure(target, owner, PRESETS["callback"])

    assert (goal.identifier, is_new) == ("call", True)
    assert goals_at_metrika(sandbox) == [("Обратный звонок", "exact", "call")]


def test_lost_request_is_told_and_the_next_press_creates_the_goal(
    target: Counter, owner: User, sandbox: RunningSandbox
) -> None:
    match = {"path_contains": "/goals", "method": "POST"}
    control(sandbox, "faults", name="reset_before", match=match)

    with pytest.raises(GoalNotCreated, match="Метрика не ответила, создана ли цель"):
        ensure(target, owner, PRESETS["callback"])
    assert goals_at_metrika(sandbox) == []
    assert AuditEvent.objects.get().action == "counter.goal_creation_unclear"
    assert ensure(target, owner, PRESETS["callback"])[1]


def test_created_goal_is_in_the_trail_although_the_goals_cannot_be_read_after_it(
    target: Counter, owner: User, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = sandbox.world.goals.add

    def add_and_fail_after_it(counter: int, body: dict[str, Any]) -> dict[str, Any]:
        match = {"path_contains": "/goals", "method": "GET"}
        sandbox.world.faults.add({"name": "html_5xx", "times": None, "match": match})
        return add(counter, body)

    monkeypatch.setattr(sandbox.world.goals, "add", add_and_fail_after_it)

    with pytest.raises(GoalNotCreated):
        ensure(target, owner, PRESETS["callback"])

    event, (goal,) = AuditEvent.objects.get(), sandbox.world.goals.of(NUMBER)
    assert (event.action, event.after["goal_id"]) == ("counter.goal_created", goal["id"])


def test_full_counter_and_missing_right_are_told(
    target: Counter, owner: User, sandbox: RunningSandbox, settings: Settings
) -> None:
    control(sandbox, "goal-limit", goals=0)
    with pytest.raises(GoalNotCreated) as full:
        ensure(target, owner, GoalWanted("Заявка", "lead"))
    assert full.value.sentence == FULL

    target.account.scopes = ["metrika:read", "metrika:offline_data"]
    with pytest.raises(GoalNotCreated) as refused:
        ensure(target, owner, GoalWanted("Заявка", "lead"))
    assert refused.value.sentence == NO_SCOPE
    # Where the right is not asked for, connecting the account again would bring nothing.
    settings.YANDEX_OPTIONAL_SCOPES = ()
    with pytest.raises(GoalNotCreated) as unasked:
        ensure(target, owner, GoalWanted("Заявка", "lead"))
    assert unasked.value.sentence == NOT_ASKED
    assert not AuditEvent.objects.exists()
