"""Templates of settings: saved from a counter, applied to others, deleted."""

from __future__ import annotations

from decimal import Decimal

from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent
from counters.models import Counter, SettingsTemplate
from tests import factories


def test_template_keeps_the_settings_and_gives_them_to_other_counters(
    owner_client: Client, counter: Counter
) -> None:
    goal = factories.make_goal(counter=counter, identifier="call")
    values = {"goal": goal, "price": Decimal("1500.50"), "campaigns": ["Москва"]}
    Counter.objects.filter(pk=counter.pk).update(enabled=False, **values)

    owner_client.post(reverse("counters:template-add", args=[counter.pk]), {"name": " Окна  МСК "})

    template = SettingsTemplate.objects.get()
    assert template.name == "Окна МСК"
    assert template.content["goal"] == "call"
    assert template.content["price"] == "1500.50"
    assert "enabled" not in template.content
    assert set(template.content) == set(Counter.SETTINGS) - {"enabled", "link_proof", "chart_notes"}
    doors = factories.make_counter(account=counter.account, name="Двери")
    same = factories.make_goal(counter=doors, identifier="call")
    form = {"parts": ["goals", "data", "scope"], "numbers": [doors.number], "step": "save"}
    url = reverse("counters:template-apply", args=[template.pk])
    owner_client.post(url, form | {"origin_version": "1", f"version-{doors.number}": "1"})

    saved = Counter.objects.get(pk=doors.pk)
    assert (saved.goal, saved.price, saved.campaigns) == (same, Decimal("1500.50"), ["Москва"])
    assert list(AuditEvent.objects.order_by("pk").values_list("action", flat=True)) == [
        "settings_template.saved",
        "counter.template_applied",
    ]


def test_list_tells_what_is_in_a_template(viewer_client: Client, counter: Counter) -> None:
    template = factories.make_template(cabinet=counter.cabinet)

    page = viewer_client.get(reverse("counters:templates"))

    (one,) = page.context["templates"]
    assert one["template"] == template
    assert [(word.label, word.wanted) for word in one["words"]] == [
        ("Достижение цели", "call"),
        ("Длительность от, секунд", "30"),
        ("Ценность звонка", "1\xa0500,50"),
    ]
    assert "Применить" not in page.content.decode()


def test_name_that_is_taken_is_refused_and_what_was_typed_stays(
    owner_client: Client, counter: Counter
) -> None:
    factories.make_template(cabinet=counter.cabinet, name="Окна")

    answer = owner_client.post(
        reverse("counters:template-add", args=[counter.pk]), {"name": "Окна"}
    )

    text = answer.content.decode()
    assert "Шаблон с таким названием уже есть" in text
    assert 'value="Окна"' in text
    assert SettingsTemplate.objects.count() == 1
    assert not AuditEvent.objects.exists()


def test_deleted_template_leaves_a_trace(owner_client: Client, counter: Counter) -> None:
    template = factories.make_template(cabinet=counter.cabinet, name="Окна")

    owner_client.post(reverse("counters:template-delete", args=[template.pk]))

    assert not SettingsTemplate.objects.exists()
    event = AuditEvent.objects.get()
    assert (event.action, event.before["name"]) == ("settings_template.deleted", "Окна")
