"""The value rules in the settings window: rows, their order, faults, and words."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from counters.models import Counter
from counters.settings.forms import CounterSettingsForm
from counters.settings.value_rules import rule_text
from tests.counters.settings_form import posted
from tests.responses import text_of

CALLBACK = {"kind": "callback", "is_first": False, "price": "100.00", "currency": "RUB"}
LONG = {"min_seconds": 60, "site": "site.ru", "price": "2500.50", "currency": "USD"}


def rows(*rules: dict[str, Any]) -> dict[str, Any]:
    """Return the POST data of rows, with one that is empty."""
    named = {
        f"value_rules-{at}-{key}": value
        for at, rule in enumerate(rules)
        for key, value in rule.items()
    }
    return named | {"value_rules": len(rules) + 1}


def form_of(counter: Counter, *rules: dict[str, Any]) -> CounterSettingsForm:
    return CounterSettingsForm(posted(counter) | rows(*rules), counter=counter)


def test_rows_become_rules_in_the_order_of_their_numbers(counter: Counter) -> None:
    form = form_of(
        counter,
        {"place": "2", "kind": "callback", "is_first": "False", "price": "100", "currency": "RUB"},
        {"removed": "on", "price": "не число"},
        {"place": "1", "min_seconds": "60", "site": "https://Site.ru/a", "price": "2 500,5"}
        | {"currency": "USD"},
    )

    assert form.is_valid(), form.errors
    assert form.settings()["value_rules"] == [LONG, CALLBACK]
    assert [rule_text(rule) for rule in (LONG, CALLBACK)] == [
        "от 60 с, сайт site.ru — 2\xa0500,50 USD",
        "обратный звонок, повторный — 100 RUB",
    ]


def test_faults_of_rows_are_named_and_typed_values_stay(
    owner_client: Client, counter: Counter
) -> None:
    Counter.objects.update(goals_refreshed_at=timezone.now())
    data = posted(counter) | rows(
        {"kind": "callback", "price": ""},
        {"min_seconds": "60", "max_seconds": "30", "site": "два слова", "price": "1"},
    )

    page = text_of(owner_client.post(reverse("counters:settings", args=[counter.pk]), data))

    assert "Правило 1, «Ценность»: Введите сумму; 0 — звонок ничего не стоит." in page
    assert "Правило 2, «Разговор до, секунд»: Меньше, чем «от»." in page
    assert "Правило 2, «Сайт»: «два слова» не похоже на адрес сайта." in page
    assert 'value="два слова"' in page
    assert Counter.objects.get().value_rules == []


def test_form_without_rows_keeps_the_saved_rules_and_shows_them(
    owner_client: Client, counter: Counter
) -> None:
    Counter.objects.update(value_rules=[CALLBACK, LONG], goals_refreshed_at=timezone.now())
    counter.refresh_from_db()

    form = CounterSettingsForm(posted(counter), counter=counter)
    page = text_of(owner_client.get(reverse("counters:settings", args=[counter.pk])))

    assert form.is_valid(), form.errors
    assert form.settings()["value_rules"] == [CALLBACK, LONG]
    assert 'name="value_rules-1-price" value="2500,50"' in page
    assert page.count('aria-label="Правило ') == 2
