from __future__ import annotations

import pytest
from django.utils import timezone

from counters.models import Counter
from counters.sync.goals import choosable_goals, is_usable, refresh_goals
from devtools.sandbox import RunningSandbox
from integrations.api_call import MetrikaUnavailable
from integrations.models import YandexAccount
from integrations.yandex.records import GoalInfo
from tests import factories
from tests.devtools.sandbox.actor import control

NUMBER = 91234567


@pytest.fixture
def okna_counter(okna: YandexAccount) -> Counter:
    return factories.make_counter(account=okna, number=NUMBER)


def test_only_javascript_goals_with_an_identifier_are_stored(okna_counter: Counter) -> None:
    now = timezone.now()

    refresh_goals(okna_counter, now=now)

    assert list(okna_counter.goals.order_by("name").values_list("name", "identifier")) == [
        ("Заявка с сайта", "lead-form"),
        ("Звонок коллтрекинга", "calltracking_call_order"),
        ("Обратный звонок", "call"),
    ]
    okna_counter.refresh_from_db()
    assert okna_counter.goals_refreshed_at == now


@pytest.mark.parametrize(
    ("identifier", "usable"), [("два слова", True), ("a\nb", False), ("", False)]
)
def test_identifier_with_a_line_break_is_no_target_and_one_with_a_space_is(
    identifier: str, usable: bool
) -> None:
    assert is_usable(GoalInfo(1, type="action", identifier=identifier)) is usable


def test_missing_goal_is_marked_deleted_and_new_one_added(
    okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    refresh_goals(okna_counter, now=timezone.now())
    call = okna_counter.goals.get(identifier="call")
    lead = okna_counter.goals.get(identifier="lead-form")
    Counter.objects.filter(pk=okna_counter.pk).update(goal=call)
    sandbox.world.goals.delete(NUMBER, call.goal_id)
    sandbox.world.goals.delete(NUMBER, lead.goal_id)
    control(sandbox, "goals", counter=NUMBER, name="Новая", identifier="brand-new")
    deleted_at = timezone.now()

    refresh_goals(okna_counter, now=deleted_at)

    call.refresh_from_db()
    assert call.deleted_at == deleted_at
    okna_counter.refresh_from_db()
    assert [goal.identifier for goal in choosable_goals(okna_counter)] == [
        "calltracking_call_order",
        "brand-new",
        "call",
    ]


def test_goal_listed_again_is_no_longer_deleted(okna_counter: Counter) -> None:
    refresh_goals(okna_counter, now=timezone.now())
    okna_counter.goals.update(deleted_at=timezone.now())

    refresh_goals(okna_counter, now=timezone.now())

    assert okna_counter.goals.filter(deleted_at__isnull=True).count() == 3


def test_only_a_change_of_the_chosen_goal_sends_a_signal(
    okna_counter: Counter, sandbox: RunningSandbox, signals: list[Counter]
) -> None:
    refresh_goals(okna_counter, now=timezone.now())
    call = okna_counter.goals.get(identifier="call")
    lead = okna_counter.goals.get(identifier="lead-form")
    Counter.objects.filter(pk=okna_counter.pk).update(goal=call)

    sandbox.world.goals.delete(NUMBER, lead.goal_id)
    refresh_goals(okna_counter, now=timezone.now())
    assert signals == []
    sandbox.world.goals.delete(NUMBER, call.goal_id)
    refresh_goals(okna_counter, now=timezone.now())

    assert signals == [okna_counter]


def test_goals_are_unchanged_when_metrika_is_unavailable(
    okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    refresh_goals(okna_counter, now=timezone.now())
    sandbox.world.faults.add({"name": "html_5xx", "times": None})

    with pytest.raises(MetrikaUnavailable):
        refresh_goals(okna_counter, now=timezone.now())

    assert okna_counter.goals.filter(deleted_at__isnull=True).count() == 3
