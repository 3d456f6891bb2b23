"""The button that creates a goal from the settings window."""

from __future__ import annotations

from unittest import mock

import pytest
from django.test import Client
from django.urls import reverse

from counters.models import Counter
from tests import factories

ENSURE = "dashboard.goal_views.ensure_goal"


@pytest.mark.parametrize("identifier", ["", "два слова", "a/b", 'x"', "y" * 256])
def test_bad_identifier_is_told_and_nothing_is_requested(
    owner_client: Client, counter: Counter, identifier: str
) -> None:
    with mock.patch(ENSURE) as ensure:
        answer = owner_client.post(
            reverse("counters:goal-create", args=[counter.pk]),
            {"identifier": identifier},
            follow=True,
        )

    assert "Введите идентификатор цели" in answer.content.decode()
    ensure.assert_not_called()


def test_window_tells_how_many_goals_are_left_and_why_none_can_be_created(
    owner_client: Client, counter: Counter
) -> None:
    Counter.objects.filter(pk=counter.pk).update(goals_total=195)
    goal = factories.make_goal(counter=counter)

    page = owner_client.get(reverse("counters:settings", args=[counter.pk]), {"goal": goal.pk})

    offers = page.context["info"]["goal_offers"]
    assert (list(offers.existing), list(offers.presets)) == (["calltracking"], ["callback"])
    text = page.content.decode()
    assert "Целей в счетчике: 195 из 200. Можно создать ещё: 5." in text
    assert "переподключите аккаунт Яндекса и оставьте разрешение" in text
    # Chosen in the form only.
    assert page.context["form"]["goal"].value() == goal.pk
    assert 'data-unsaved="changed"' in text
    assert Counter.objects.get(pk=counter.pk).goal is None
