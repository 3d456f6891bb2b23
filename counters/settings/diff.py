"""Differences between two states of the settings, in the words of the settings window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import DecimalField
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from counters.models import Counter, Goal
from counters.settings.value_rules import rule_text


@dataclass(frozen=True)
class SettingChange:
    """One setting: as it is saved now, and as the person wants it; or before and after."""

    label: str
    saved: str
    wanted: str


def settings_diff(saved: Counter, wanted: Mapping[str, Any]) -> list[SettingChange]:
    """Return the settings in ``wanted`` (values by column) that differ from the saved ones."""
    return [
        SettingChange(label_of(name), _text(name, getattr(saved, name)), _text(name, value))
        for name, value in wanted.items()
        if getattr(saved, name) != value
    ]


def audited_diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[SettingChange]:
    """Return the changes of an event of the audit trail, whose values are JSON.

    What is no setting is left out.
    """
    return [
        SettingChange(label_of(name), _text(name, before.get(name)), _text(name, after.get(name)))
        for name in Counter.SETTINGS
        if name in before or name in after
    ]


def label_of(name: str) -> str:
    """Return the name of a setting for people."""
    return str(getattr(Counter._meta.get_field(name), "verbose_name", name))


def _text(name: str, value: Any) -> str:
    choices = dict(getattr(Counter._meta.get_field(name), "flatchoices", []))
    if value in ("", None) or value == []:
        return _("Не указано")
    if isinstance(value, bool):
        return _("Да") if value else _("Нет")
    if isinstance(value, Goal):
        return value.name
    if name == "value_rules":
        return "; ".join(map(rule_text, value))
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(Counter._meta.get_field(name), DecimalField):
        return number_format(value, force_grouping=True)
    return str(choices.get(value, value))
