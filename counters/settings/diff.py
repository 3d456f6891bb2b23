"""Differences between two states of the settings, in the words of the settings window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from cabinets.plurals import plural
from counters.models import Counter, Goal
from counters.settings.fields import amount_text
from counters.settings.value_rules import rule_text

#: Settings by which no call is decided: what they change happens after the calls are sent.
NOT_DECIDING = frozenset({"link_proof", "chart_notes"})


@dataclass(frozen=True)
class SettingChange:
    """One setting: as it is saved now, and as the person wants it; or before and after."""

    label: str
    saved: str
    wanted: str


def settings_diff(saved: Counter, wanted: Mapping[str, Any]) -> list[SettingChange]:
    """Return the settings in ``wanted`` (values by column) that differ from the saved ones."""
    former = {name: getattr(saved, name) for name in Counter.SETTINGS}
    changed = [name for name, value in wanted.items() if former[name] != value]
    return _changes(changed, former, former | dict(wanted))


def can_change_decisions(saved: Counter, wanted: Mapping[str, Any]) -> bool:
    """Whether any of the settings that differ is one by which calls are decided."""
    return any(
        getattr(saved, name) != value for name, value in wanted.items() if name not in NOT_DECIDING
    )


def audited_diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[SettingChange]:
    """Return the changes of an event of the audit trail, whose values are JSON.

    What is no setting is left out.
    """
    # A unit is stored beside its number even when it stays as it was.
    kept = {name for name, value in before.items() if name in after and after[name] == value}
    stored = (before.keys() | after.keys()) - kept
    changed = [name for name in Counter.SETTINGS if name in stored]
    return _changes(changed, before, after)


def _changes(
    names: Sequence[str], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[SettingChange]:
    """Return a line for each setting; the unit of the delay is shown in the line of the delay."""
    lines = [_delay_name(name, before, after, names) for name in names]
    return [
        SettingChange(label_of(name), _text(name, before), _text(name, after))
        for name in dict.fromkeys(lines)
    ]


def _delay_name(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], names: Sequence[str]
) -> str:
    """Return the setting in whose line the unit is shown: its own when there is no delay."""
    is_delayed = before.get("defer_value") or after.get("defer_value")
    is_shown = name == "defer_unit" and (is_delayed or "defer_value" in names)
    return "defer_value" if is_shown else name


def label_of(name: str) -> str:
    """Return the name of a setting for people."""
    return str(getattr(Counter._meta.get_field(name), "verbose_name", name))


def _text(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    choices = dict(getattr(Counter._meta.get_field(name), "flatchoices", []))
    if value in ("", None) or value == []:
        return _("Не указано")
    if isinstance(value, bool):
        return _("Да") if value else _("Нет")
    if isinstance(value, Goal):
        return value.name
    if name == "defer_value":
        return _delay_text(value, values.get("defer_unit"))
    if name == "value_rules":
        return "; ".join(map(rule_text, value))
    if isinstance(value, list):
        return ", ".join(value)
    if name == "price":
        return _price_text(value, values.get("currency"))
    return str(choices.get(value, value))


def _price_text(value: Any, currency: Any) -> str:
    """Return a price of the settings or of the audit trail; one that is no number as it is."""
    try:
        amount = amount_text(Decimal(value))
    except InvalidOperation:
        return str(value)
    return f"{amount} {currency or ''}".rstrip()


def _delay_text(count: int, unit: str | None) -> str:
    """Return a delay in words; an event of the trail may have no unit."""
    if not count:
        return _("сразу")
    words = str(count)
    if unit == Counter.DeferUnit.HOURS:
        forms = _("на %(count)d час"), _("на %(count)d часа"), _("на %(count)d часов")
        words = plural(count, *forms)
    elif unit == Counter.DeferUnit.DAYS:
        forms = _("на %(count)d день"), _("на %(count)d дня"), _("на %(count)d дней")
        words = plural(count, *forms)
    return words % {"count": count}
