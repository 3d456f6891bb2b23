"""Stops of a counter, their checks, and the goals that Metrika makes for calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cabinets.models import AuditEvent
from counters import stops
from counters.models import Counter
from counters.sync import stopped
from counters.sync.goals import call_goals, choosable_goals, is_call_goal, refresh_goals
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from integrations.yandex.records import GoalInfo
from tests import factories
from tests.devtools.sandbox.actor import control

NUMBER = 91234567
GOALS_FULL, IN_CONNECT = Counter.StopCause.GOALS_FULL, Counter.StopCause.IN_CONNECT


@pytest.fixture
def counter(okna: YandexAccount) -> Counter:
    """A counter of the sandbox with four goals, read now."""
    counter = factories.make_counter(account=okna, number=NUMBER)
    refresh_goals(counter, now=timezone.now())
    counter.refresh_from_db()
    return counter


def goal_requests(sandbox: RunningSandbox) -> int:
    counts = control(sandbox, "requests?last=0")["counts"]
    return sum(one["count"] for one in counts if one["path"].endswith("/goals"))


def make_call_goals(sandbox: RunningSandbox) -> None:
    sandbox.world.goals.ensure_call_goals(NUMBER, "Телефон")


def test_the_first_cause_and_its_time_are_kept(counter: Counter) -> None:
    now = timezone.now()

    assert stops.stop(counter.pk, GOALS_FULL, now=now) is True
    assert stops.stop(counter.pk, IN_CONNECT, now=now + timedelta(hours=1)) is False

    counter.refresh_from_db()
    assert (counter.stopped_cause, counter.stopped_at) == (GOALS_FULL, now)
    assert AuditEvent.objects.filter(action="counter.stopped").count() == 1


def test_a_counter_that_was_stopped_anew_is_not_resumed_by_an_older_check(counter: Counter) -> None:
    now = timezone.now()
    stops.stop(counter.pk, IN_CONNECT, now=now)
    loaded, again = Counter.objects.get(pk=counter.pk), Counter.objects.get(pk=counter.pk)
    assert stops.resume(loaded, actor=None, now=now) is True
    stops.stop(counter.pk, IN_CONNECT, now=now + timedelta(seconds=1))

    assert stops.resume(again, actor=None, now=now) is False

    counter.refresh_from_db()
    assert counter.stopped_cause == IN_CONNECT
    assert AuditEvent.objects.filter(action="counter.continued").count() == 1


def test_two_checks_at_once_make_one_request(counter: Counter, sandbox: RunningSandbox) -> None:
    now = timezone.now()
    stops.stop(counter.pk, GOALS_FULL, now=now)
    loaded = Counter.objects.select_related("account").get(pk=counter.pk)
    before = goal_requests(sandbox)

    assert stopped.check_due(now=now) == 0
    assert stopped._check_claimed(loaded, now) is False

    assert goal_requests(sandbox) == before + 1


@pytest.mark.parametrize(
    "blocked", [{"removed_at": timezone.now()}, {"access": "lost"}, {"stopped_cause": ""}]
)
def test_nothing_is_checked_that_cannot_go_on(
    counter: Counter, sandbox: RunningSandbox, blocked: dict[str, Any]
) -> None:
    stops.stop(counter.pk, GOALS_FULL, now=timezone.now())
    Counter.objects.filter(pk=counter.pk).update(**blocked)
    before = goal_requests(sandbox)

    assert stopped.check_due(now=timezone.now() + timedelta(days=3)) == 0

    assert goal_requests(sandbox) == before


def test_an_unavailable_metrika_leaves_the_stop_and_is_asked_again_an_hour_later(
    counter: Counter, sandbox: RunningSandbox
) -> None:
    now = timezone.now()
    stops.stop(counter.pk, GOALS_FULL, now=now)
    control(sandbox, "faults", name="html_5xx", times=1)
    make_call_goals(sandbox)
    control(sandbox, "clock", advance_seconds=86_400)

    assert stopped.check_due(now=now) == 0
    assert stopped.check_due(now=now + timedelta(minutes=59)) == 0
    assert stopped.check_due(now=now + timedelta(hours=1)) == 1


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (GoalInfo(1, "Звонок", "call", "auto"), True),
        (GoalInfo(1, "Телефон: пропущенный", "call", "auto"), True),
        (GoalInfo(1, "Целевой звонок", "some_new_type", "auto"), True),
        (GoalInfo(1, "Missed", "missed_call", "auto"), True),
        (GoalInfo(1, "Автоцель: звонок по клику", "phone", "auto"), False),
        (GoalInfo(1, "Отправка формы", "form", "auto"), False),
        (GoalInfo(1, "Что-то новое", "some_new_type", "auto"), False),
        (GoalInfo(1, "Звонок", "call", "user"), False),
        (GoalInfo(1, "Звонок", "action", "auto", identifier="call"), False),
    ],
)
def test_call_goals_are_found_by_their_source_and_kind_not_by_one_name(
    info: GoalInfo, expected: bool
) -> None:
    assert is_call_goal(info) is expected


def test_late_call_goals_are_stored_and_never_offered_as_a_target(
    counter: Counter, sandbox: RunningSandbox
) -> None:
    make_call_goals(sandbox)
    found = []
    for _ in range(4):
        refresh_goals(counter, now=timezone.now())
        found.append([goal.name for goal in call_goals(counter)])
        control(sandbox, "clock", advance_seconds=3600)

    names = ["Телефон", "Телефон: первичный", "Телефон: пропущенный"]
    assert found == [names[:count] for count in range(4)]
    assert not choosable_goals(counter).filter(source="auto").exists()
    counter.refresh_from_db()
    assert counter.goals_total == 7
