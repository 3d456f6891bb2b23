"""Sets up a demonstration cabinet: two linked accounts, counters with settings and goals."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from cabinets.models import Cabinet
from counters import lifecycle
from counters.models import Counter, Goal
from counters.sync import goals
from devtools.demonstration.consent import link_person
from integrations.models import YandexAccount


@dataclass(frozen=True)
class DemoCounter:
    """A counter of the sandbox and its settings; ``goal`` is a JavaScript event."""

    number: int
    goal: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


OWNER = "okna-stolica"
AGENCY = "agency-media"
COUNTERS: dict[str, tuple[DemoCounter, ...]] = {
    OWNER: (
        DemoCounter(
            91234567,
            goal="calltracking_call_order",
            settings={
                "price": Decimal("1500.00"),
                "tag_mode": Counter.TagMode.CALLS,
                "link_proof": True,
            },
        ),
        DemoCounter(
            91234568,
            goal="calltracking_call_order",
            settings={
                "min_duration_seconds": 60,
                "call_status": Counter.CallStatus.SUCCESS,
                "tag_mode": Counter.TagMode.MANUAL,
                "manual_tag_callback": "Обратный звонок CallKeeper",
                "manual_tag_incoming": "Коллтрек",
                "link_proof": True,
            },
        ),
        DemoCounter(
            91234602,
            settings={
                "defer_value": 2,
                "defer_unit": Counter.DeferUnit.DAYS,
                "phone_mode": Counter.PhoneMode.MASKED,
            },
        ),
    ),
    AGENCY: (
        DemoCounter(
            91400012,
            goal="calltracking_call_order",
            settings={
                "site_mode": Counter.SiteMode.ALL,
                "uniqueness": Counter.Uniqueness.UNIQUE_TARGET,
                "send_calls": False,
                "link_proof": True,
            },
        ),
        DemoCounter(91400015, settings={"enabled": False, "site_mode": Counter.SiteMode.ALL}),
    ),
}


def set_up(*, cabinet: Cabinet, user: User, since: datetime) -> list[Counter]:
    """Link the people of the sandbox and add their counters, dated ``since``."""
    counters: list[Counter] = []
    for login, chosen in COUNTERS.items():
        account = link_person(login=login, user=user, cabinet=cabinet)
        YandexAccount.objects.filter(pk=account.pk).update(
            connected_at=since, state_changed_at=since
        )
        counters += _add(account, chosen, user=user, since=since)
    return counters


def _add(
    account: YandexAccount, chosen: tuple[DemoCounter, ...], *, user: User, since: datetime
) -> list[Counter]:
    numbers = [one.number for one in chosen]
    added = lifecycle.add_counters(
        cabinet=account.cabinet, account=account, numbers=numbers, actor=user, now=since
    ).added
    by_number = {counter.number: counter for counter in added}
    for one in chosen:
        if one.number in by_number:
            _configure(by_number[one.number], one, user=user, since=since)
    return added


def _configure(counter: Counter, one: DemoCounter, *, user: User, since: datetime) -> None:
    goals.refresh_goals(counter, now=since)
    goal = Goal.objects.filter(counter=counter, identifier=one.goal).first() if one.goal else None
    saved = {
        "configured_at": since,
        "accepts_from": since,
        "settings_saved_at": since,
        "access_changed_at": since,
        "settings_saved_by": user,
    }
    Counter.objects.filter(pk=counter.pk).update(goal=goal, **saved, **one.settings)
