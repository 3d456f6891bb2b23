"""`Counter.SETTINGS` is the only list of settings: form, diff, saving and audit follow it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, ForeignKey, JSONField
from django.test import Client
from django.utils import timezone

from cabinets.models import AuditEvent
from counters.models import Counter
from counters.settings.diff import settings_diff
from counters.settings.forms import CounterSettingsForm
from counters.settings.save import UNITS, save_settings
from tests import factories
from tests.counters.settings_form import filled
from tests.paths import ROOT

PRODUCT = (
    "cabinets",
    "integrations",
    "counters",
    "calls",
    "dashboard",
    "notices",
    "callkeeper_metrika",
)


def column(name: str) -> Any:
    return Counter._meta.get_field(name)


def other_value(counter: Counter, name: str) -> Any:
    """Return a value of the setting that differs from the counter's."""
    field, value = column(name), getattr(counter, name)
    if isinstance(field, ForeignKey):
        return factories.make_goal(counter=counter)
    if isinstance(field, BooleanField):
        return not value
    if isinstance(field, JSONField):
        return [{"kind": "callback", "price": "100.00", "currency": "RUB"}]
    if isinstance(field, ArrayField):
        return ["UserId"]
    choices = [choice for choice, _label in field.flatchoices]
    return next((choice for choice in choices if choice != value), field.to_python("7"))


def test_form_has_a_field_with_the_label_of_the_model_for_every_setting(counter: Counter) -> None:
    fields = CounterSettingsForm(counter=counter).fields

    assert [name for name in fields if name in Counter.SETTINGS] == list(Counter.SETTINGS)
    assert {name: fields[name].label for name in Counter.SETTINGS} == {
        name: column(name).verbose_name for name in Counter.SETTINGS
    }


def test_form_gives_every_setting_to_be_saved(counter: Counter) -> None:
    form = filled(counter)

    assert form.is_valid(), form.errors
    assert form.settings() == {name: getattr(counter, name) for name in Counter.SETTINGS}


def test_window_shows_every_field_of_the_form(owner_client: Client, counter: Counter) -> None:
    page = owner_client.get(f"/lk/integrations/yandex/counters/{counter.pk}").content.decode()

    form = CounterSettingsForm(counter=counter)
    shown = {form[name].html_name for name, field in form.fields.items() if not field.disabled}
    assert shown - set(re.findall(r'name="(\w+)"', page)) == set()


@pytest.mark.parametrize("name", Counter.SETTINGS)
def test_changed_setting_is_in_the_diff_saved_and_audited(
    counter: Counter, owner: User, name: str
) -> None:
    wanted = {name: other_value(counter, name)}

    (change,) = settings_diff(counter, wanted)
    save_settings(counter=counter, version=1, values=wanted, actor=owner, now=timezone.now())

    assert change.label == str(column(name).verbose_name)
    assert change.saved != change.wanted
    assert getattr(Counter.objects.get(), name) == wanted[name]
    event = AuditEvent.objects.get()
    audited = next((set(pair) for pair in UNITS if name in pair), {name})
    assert (set(event.before), set(event.after)) == (audited, audited)


def test_no_module_but_the_model_names_all_settings() -> None:
    sources = [path for app in PRODUCT for path in (ROOT / app).rglob("*.py")]
    modules = [path for path in sources if "migrations" not in path.parts]

    complete = [
        path.relative_to(ROOT).as_posix()
        for path in modules
        if set(Counter.SETTINGS) <= set(re.findall(r"\w+", path.read_text("utf-8")))
    ]

    assert complete == ["counters/models.py"]
