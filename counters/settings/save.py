"""Saves a counter's settings with optimistic locking by their version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from counters.models import Counter, Goal
from counters.signals import counter_changed

#: Columns that a save sets beside the settings.
_MARKS = (
    *("version", "routing_changed_at", "configured_at", "accepts_from"),
    *("settings_saved_at", "settings_saved_by"),
)
#: A number and its unit: one says nothing without the other.
UNITS = (("defer_value", "defer_unit"), ("price", "currency"))

SAVED = "counter.settings_saved"
COPIED = "counter.settings_copied"
TEMPLATE_APPLIED = "counter.template_applied"
RESTORED = "counter.settings_restored"


class ChangedMeanwhile(Exception):
    """Settings were saved after the form was opened. ``current`` is the counter as it is now."""

    def __init__(self, current: Counter) -> None:
        super().__init__(f"counter {current.pk} is at version {current.version}")
        self.current = current


@transaction.atomic
def save_settings(
    *,
    counter: Counter,
    version: int,
    values: Mapping[str, Any],
    actor: User | None,
    now: datetime,
    sends_waiting: bool = False,
    action: str = SAVED,
    origin: str = "",
) -> Counter:
    """Store ``values`` (by names of `Counter.SETTINGS`) over the settings of ``version``.

    From the first save on the counter accepts calls: those that start from now on, or with
    ``sends_waiting`` also those that came since the counter was added. Raises ChangedMeanwhile when
    the settings are no longer at ``version``, and Counter.DoesNotExist when the counter was
    removed; then nothing is stored. ``action`` and ``origin`` (the name of what they were copied
    from) are for the audit trail.
    """
    current = (
        Counter.objects.present()
        .select_for_update(of=("self",))
        .select_related("cabinet", "goal", "callback_goal", "settings_saved_by")
        .get(pk=counter.pk)
    )
    before, after = _differences(current, values)
    if current.version != version:
        if after:
            raise ChangedMeanwhile(current)
        return current  # the same form sent twice, by a double click
    is_first = current.configured_at is None
    if is_first:
        current.accepts_from = current.added_at if sends_waiting else now
    _store(current, values, actor, now, is_new=bool(after) or is_first)
    if after or is_first:
        _announce(current, actor, action, before, after | ({"origin": origin} if origin else {}))
    return current


def _differences(
    current: Counter, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what changes, before and after; a number always with its unit."""
    changed = [name for name in values if getattr(current, name) != values[name]]
    for pair in UNITS:
        if set(changed) & set(pair):
            changed += [name for name in pair if name not in changed]
    before = {name: getattr(current, name) for name in changed}
    after = {name: values.get(name, before[name]) for name in changed}
    return _all_plain(before), _all_plain(after)


def _store(
    current: Counter, values: Mapping[str, Any], actor: User | None, now: datetime, *, is_new: bool
) -> None:
    unknown = set(values) - set(Counter.SETTINGS)
    if unknown:
        raise ValueError(f"not settings: {sorted(unknown)}")
    for name, value in values.items():
        setattr(current, name, value)
    # The same settings make no new version: nothing has to be decided again.
    if is_new:
        current.version += 1
        current.routing_changed_at = now
    current.configured_at = current.configured_at or now
    current.settings_saved_at, current.settings_saved_by = now, actor
    current.save(update_fields=[*values, *_MARKS])


def _announce(
    current: Counter,
    actor: User | None,
    action: str,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    audit.log_change(
        cabinet=current.cabinet,
        actor=actor,
        action=action,
        subject=current,
        before=before,
        after=after,
    )
    counter_changed.send(sender=Counter, counter=current)


def _all_plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """Return a value for the audit trail: JSON, readable without a lookup of other rows."""
    if isinstance(value, Goal):
        return f"{value.name} ({value.identifier})"
    return str(value) if isinstance(value, Decimal) else value
