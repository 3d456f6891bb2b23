from __future__ import annotations

import pytest
from django.utils import timezone

from counters.models import Counter
from counters.signals import counter_changed
from counters.sync.goals import choosable_goals, refresh_goals
from devtools.sandbox import RunningSandbox
from integrations.api_call import MetrikaUnavailable
from integrations.models import YandexAccount
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


def test_a_goal_that_went_is_marked_and_one_that_is_new_is_added(
    okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    refresh_goals(okna_counter, now=timezone.now())
    call = okna_counter.goals.get(identifier="call")
    lead = okna_counter.goals.get(identifier="lead-form")
    Counter.objects.filter(pk=okna_counter.pk).update(goal=call)
    sandbox.world.goals.delete(NUMBER, call.goal_id)
    sandbox.world.goals.delete(NUMBER, lead.goal_id)
    control(sandbox, "goals", counter=NUMBER, name="Новая", identifier="brand-new")
    gone_at = timezone.now()

    refresh_goals(okna_counter, now=gone_at)

    call.refresh_from_db()
    assert call.deleted_at == gone_at
    okna_counter.refresh_from_db()
    assert [goal.identifier for goal in choosable_goals(okna_counter)] == [
        "calltracking_call_order",
        "brand-new",
        "call",
    ]


def test_a_goal_that_came_back_is_no_longer_marked(okna_counter: Counter) -> None:
    refresh_goals(okna_counter, now=timezone.now())
    okna_counter.goals.update(deleted_at=timezone.now())

    refresh_goals(okna_counter, now=timezone.now())

    assert okna_counter.goals.filter(deleted_at__isnull=True).count() == 3


def test_a_change_of_the_chosen_goal_is_announced_and_of_others_not(
    okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    refresh_goals(okna_counter, now=timezone.now())
    call = okna_counter.goals.get(identifier="call")
    lead = okna_counter.goals.get(identifier="lead-form")
    Counter.objects.filter(pk=okna_counter.pk).update(goal=call)
    heard: list[int] = []

    def record_server_time(counter: Counter, **_rest: object) -> None:
        heard.append(counter.pk)

    counter_changed.connect(record_server_time)
    try:
        sandbox.world.goals.delete(NUMBER, lead.goal_id)
        refresh_goals(okna_counter, now=timezone.now())
        assert heard == []
        sandbox.world.goals.delete(NUMBER, call.goal_id)
        refresh_goals(okna_counter, now=timezone.now())
    finally:
        counter_changed.disconnect(record_server_time)

    assert heard == [okna_counter.pk]


def test_without_an_answer_the_goals_stay_as_they_were(
    okna_counter: Counter, sandbox: RunningSandbox
) -> None:
    refresh_goals(okna_counter, now=timezone.now())
    sandbox.world.faults.add({"name": "html_5xx", "times": None})

    with pytest.raises(MetrikaUnavailable):
        refresh_goals(okna_counter, now=timezone.now())

    assert okna_counter.goals.filter(deleted_at__isnull=True).count() == 3
