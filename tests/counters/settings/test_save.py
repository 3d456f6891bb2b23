from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import AuditEvent
from counters.models import Counter
from counters.settings.diff import SettingChange, audited_diff, settings_diff
from counters.settings.save import ChangedMeanwhile, save_settings
from tests import factories


def test_first_save_sets_configured_at(
    counter: Counter, owner: User, signals: list[Counter]
) -> None:
    Counter.objects.update(configured_at=None, settings_saved_at=None)
    now = timezone.now()

    save_settings(counter=counter, version=1, values={}, actor=owner, now=now)

    saved = Counter.objects.get()
    assert (saved.configured_at, saved.settings_saved_at) == (now, now)
    assert (saved.settings_saved_by, saved.version) == (owner, 2)
    assert [counter.version for counter in signals] == [2]


def test_later_save_keeps_configured_at(counter: Counter, owner: User) -> None:
    save_settings(
        counter=counter,
        version=1,
        values={"min_duration_seconds": 30},
        actor=owner,
        now=timezone.now(),
    )

    assert Counter.objects.get().configured_at == counter.configured_at


def test_audit_event_has_only_changed_settings(
    counter: Counter, owner: User, signals: list[Counter]
) -> None:
    goal = factories.make_goal(counter=counter, name="Звонок", identifier="call")
    values = {
        "goal": goal,
        "price": Decimal("1500.50"),
        "site_hosts": ["site.ru"],
        "min_duration_seconds": 0,
        "call_kind": "all",
    }

    save_settings(counter=counter, version=1, values=values, actor=owner, now=timezone.now())

    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.object_id) == (
        "counter.settings_saved",
        owner,
        str(counter.pk),
    )
    assert event.before == {"goal": None, "price": None, "site_hosts": [], "currency": "RUB"}
    assert event.after == {
        "goal": "Звонок (call)",
        "price": "1500.50",
        "site_hosts": ["site.ru"],
        "currency": "RUB",
    }
    changes = [(one.label, one.wanted) for one in audited_diff(event.before, event.after)]
    assert changes == [
        ("Достижение цели", "Звонок (call)"),
        ("Выбранные сайты", "site.ru"),
        ("Ценность звонка", "1\xa0500,50 RUB"),
    ]
    assert [counter.version for counter in signals] == [2]


def test_save_without_changes_sends_no_signal_and_is_not_audited(
    counter: Counter, owner: User, signals: list[Counter]
) -> None:
    save_settings(
        counter=counter, version=1, values={"call_kind": "all"}, actor=owner, now=timezone.now()
    )

    assert not AuditEvent.objects.exists()
    assert signals == []


def test_save_over_a_newer_version_raises_changed_meanwhile(
    counter: Counter, owner: User, manager: User, signals: list[Counter]
) -> None:
    now = timezone.now()
    save_settings(
        counter=counter, version=1, values={"call_status": "success"}, actor=owner, now=now
    )

    with pytest.raises(ChangedMeanwhile) as conflict:
        save_settings(
            counter=counter,
            version=1,
            values={"call_status": "fail"},
            actor=manager,
            now=timezone.now(),
        )

    current = conflict.value.current
    assert (current.settings_saved_by, current.settings_saved_at) == (owner, now)
    assert current.version == 2
    assert Counter.objects.get().call_status == "success"
    assert AuditEvent.objects.count() == 1
    assert [counter.version for counter in signals] == [2]


def test_same_form_sent_twice_is_no_conflict(counter: Counter, owner: User) -> None:
    for _press in range(2):
        save_settings(
            counter=counter,
            version=1,
            values={"call_status": "success"},
            actor=owner,
            now=timezone.now(),
        )

    assert Counter.objects.get().version == 2


def test_settings_of_a_removed_counter_cannot_be_saved(counter: Counter, owner: User) -> None:
    Counter.objects.update(removed_at=timezone.now())

    with pytest.raises(Counter.DoesNotExist):
        save_settings(
            counter=counter,
            version=1,
            values={"enabled": False},
            actor=owner,
            now=timezone.now(),
        )

    assert Counter.objects.get().enabled


def test_only_settings_can_be_saved(counter: Counter, owner: User) -> None:
    with pytest.raises(ValueError, match="number"):
        save_settings(
            counter=counter, version=1, values={"number": 1}, actor=owner, now=timezone.now()
        )

    assert Counter.objects.get().number == counter.number


@pytest.mark.parametrize(
    ("saved", "wanted", "shown"),
    [
        ((1, "hours"), {"defer_value": 0}, ("на 1 час", "сразу")),
        ((0, "days"), {"defer_value": 3, "defer_unit": "hours"}, ("сразу", "на 3 часа")),
        ((2, "days"), {"defer_unit": "hours"}, ("на 2 дня", "на 2 часа")),
    ],
)
def test_delay_has_its_unit_in_the_diff_and_in_the_trail(
    counter: Counter, owner: User, saved: tuple[int, str], wanted: dict[str, Any], shown: Any
) -> None:
    counter.defer_value, counter.defer_unit = saved
    counter.save()

    found = settings_diff(counter, wanted)
    save_settings(counter=counter, version=1, values=wanted, actor=owner, now=timezone.now())

    event = AuditEvent.objects.get()
    assert found == [SettingChange("Отложенная отправка", *shown)]
    assert audited_diff(event.before, event.after) == found
    assert audited_diff({"defer_value": 1}, {"defer_value": 0}) == [
        SettingChange("Отложенная отправка", "1", "сразу")
    ]


def test_diff_uses_the_labels_and_choices_of_the_window(counter: Counter) -> None:
    goal = factories.make_goal(counter=counter, name="Звонок")
    wanted = {
        "goal": goal,
        "call_status": "fail",
        "send_calls": False,
        "site_hosts": ["a.ru", "b.ru"],
        "min_duration_seconds": 30,
        "price": None,
    }

    found = [(one.label, one.saved, one.wanted) for one in settings_diff(counter, wanted)]

    assert found == [
        ("Достижение цели", "Не указано", "Звонок"),
        ("Статус звонка", "Все статусы", "Только неуспешные"),
        ("Отправлять звонки", "Да", "Нет"),
        ("Выбранные сайты", "Не указано", "a.ru, b.ru"),
        ("Длительность от, секунд", "0", "30"),
    ]
