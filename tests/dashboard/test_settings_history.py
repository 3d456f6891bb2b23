"""The history of a counter's settings, and «Вернуть»."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent
from counters.models import Counter
from counters.settings.save import save_settings
from tests import factories


def save(counter: Counter, person: User, **values: Any) -> AuditEvent:
    """Save the settings; return the event of it."""
    now: datetime = timezone.now()
    version = Counter.objects.get(pk=counter.pk).version
    save_settings(counter=counter, version=version, values=values, actor=person, now=now)
    return AuditEvent.objects.latest("pk")


def restore_url(counter: Counter, event: AuditEvent) -> str:
    return f"{reverse('counters:settings-restore', args=[counter.pk])}?event={event.pk}"


def test_history_tells_who_changed_what_in_words(
    viewer_client: Client, owner: User, counter: Counter
) -> None:
    goal = factories.make_goal(counter=counter)
    save(counter, owner, goal=goal, call_kind="incoming", price=Decimal("99.50"))

    page = viewer_client.get(reverse("counters:settings-history", args=[counter.pk]))

    (entry,) = page.context["entries"]
    assert (entry.who, entry.what) == (owner.username, "Настройки сохранены")
    assert [(one.label, one.saved, one.wanted) for one in entry.changes] == [
        ("Достижение цели", "Не указано", "Звонок коллтрекинга (calltracking_call_order)"),
        ("Тип звонка", "Все типы звонков", "Только входящие звонки"),
        ("Ценность звонка", "Не указано", "99,50 RUB"),
    ]
    assert "Вернуть" not in page.content.decode()


def test_undo_brings_back_what_that_change_changed_and_nothing_else(
    owner_client: Client, owner: User, counter: Counter
) -> None:
    goal = factories.make_goal(counter=counter)
    save(counter, owner, goal=goal, price=Decimal("99.50"), campaigns=["Москва"])
    event = save(counter, owner, goal=None, price=None, campaigns=[])
    save(counter, owner, min_duration_seconds=30)

    asked = owner_client.get(restore_url(counter, event)).content.decode()
    assert Counter.objects.get(pk=counter.pk).version == 4
    assert "Звонок коллтрекинга" in asked
    assert "Длительность" not in asked
    owner_client.post(restore_url(counter, event), {"version": "4"})

    saved = Counter.objects.get(pk=counter.pk)
    assert (saved.version, saved.goal, saved.price) == (5, goal, Decimal("99.50"))
    assert (saved.campaigns, saved.min_duration_seconds) == (["Москва"], 30)
    assert AuditEvent.objects.latest("pk").action == "counter.settings_restored"
    # Pressed again: nothing is left to bring back.
    owner_client.post(restore_url(counter, event), {"version": "4"})
    assert Counter.objects.get(pk=counter.pk).version == 5


def test_undo_of_settings_that_changed_meanwhile_saves_nothing(
    owner_client: Client, owner: User, counter: Counter
) -> None:
    event = save(counter, owner, min_duration_seconds=30)
    save(counter, owner, call_kind="incoming")

    answer = owner_client.post(restore_url(counter, event), {"version": "2"}, follow=True)

    assert "ничего не возвращено" in answer.content.decode()
    assert Counter.objects.get(pk=counter.pk).min_duration_seconds == 30


def test_deleted_goal_cannot_be_brought_back_and_the_rest_can(
    owner_client: Client, owner: User, counter: Counter
) -> None:
    goal = factories.make_goal(counter=counter, deleted_at=timezone.now())
    save(counter, owner, goal=goal, min_duration_seconds=30)
    event = save(counter, owner, goal=None, min_duration_seconds=0)

    asked = owner_client.get(restore_url(counter, event)).content.decode()
    owner_client.post(restore_url(counter, event), {"version": "3"})

    assert "«Достижение цели» останется как есть" in asked
    saved = Counter.objects.get(pk=counter.pk)
    assert (saved.goal, saved.min_duration_seconds) == (None, 30)


def test_event_of_another_counter_is_not_found(
    owner_client: Client, owner: User, counter: Counter
) -> None:
    other = factories.make_counter(account=counter.account)
    event = save(other, owner, min_duration_seconds=30)

    answer = owner_client.get(restore_url(counter, event), follow=True)

    assert "Такого изменения в истории этого счетчика нет." in answer.content.decode()


def test_counter_without_settings_is_not_configured_by_an_undo(
    owner_client: Client, owner: User, counter: Counter
) -> None:
    event = save(counter, owner, min_duration_seconds=30)
    # As one that was removed and added again.
    Counter.objects.filter(pk=counter.pk).update(configured_at=None, accepts_from=None)

    answer = owner_client.post(restore_url(counter, event), {"version": "2"}, follow=True)

    assert "Сначала откройте настройки счетчика" in answer.content.decode()
    assert Counter.objects.get(pk=counter.pk).configured_at is None
