"""Saves copied settings: counter by counter, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from cabinets.models import Cabinet
from calls.queries.connection import calls_awaiting_settings
from counters.models import Counter
from counters.settings.copying import Origin, Proposal, proposals
from counters.settings.save import COPIED, TEMPLATE_APPLIED, ChangedMeanwhile, save_settings
from dashboard.first_save import NotAsked


@dataclass(frozen=True)
class Copied:
    """Counters whose settings were saved, and those that changed since the person saw them."""

    saved: list[Counter] = field(default_factory=list)
    changed_meanwhile: list[Counter] = field(default_factory=list)


def counters_by_number(cabinet: Cabinet, numbers: Collection[int]) -> list[Counter]:
    """Return the cabinet's present counters of these numbers, by name."""
    present = cabinet.counters.present().with_details()
    return list(present.filter(number__in=numbers).order_by("name", "number"))


def copy_settings(
    origin: Origin,
    parts: Collection[str],
    counters: Collection[Counter],
    versions: Mapping[int, int],
    *,
    sends_waiting: bool | None,
    actor: User,
    now: datetime,
) -> Copied:
    """Save the parts of the origin in each counter that is still at the version the person saw.

    ``versions`` are by number. Of a process that dies some counters are saved and the others are
    not: pressed again, it saves the rest. Raises NotAsked when calls wait for first settings and
    ``sends_waiting`` is None; the counters before that one are saved.
    """
    result = Copied()
    for one in proposals(origin, parts, sorted(counters, key=lambda counter: counter.pk)):
        if not one.can_be_saved:
            continue
        try:
            _save(one, versions.get(one.counter.number, 0), origin, sends_waiting, actor, now)
        except (ChangedMeanwhile, Counter.DoesNotExist):
            result.changed_meanwhile.append(one.counter)
        else:
            result.saved.append(one.counter)
    return result


@transaction.atomic
def _save(
    one: Proposal,
    version: int,
    origin: Origin,
    sends_waiting: bool | None,
    actor: User,
    now: datetime,
) -> None:
    """While the counter is locked, `calls.decision.decide` adds no call that waits for it."""
    counter = Counter.objects.present().select_for_update(of=("self",)).get(pk=one.counter.pk)
    if sends_waiting is None and calls_awaiting_settings(counter, now=now):
        raise NotAsked
    save_settings(
        counter=counter,
        version=version,
        values=one.values,
        actor=actor,
        now=now,
        sends_waiting=bool(sends_waiting),
        action=TEMPLATE_APPLIED if origin.is_template else COPIED,
        origin=origin.name,
    )
