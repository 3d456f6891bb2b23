"""Creates the soak's cabinet: three people of the sandbox, a counter each, one source."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import Cabinet, CallSource, Membership
from cabinets.sources import create_source
from counters import lifecycle
from counters.models import Counter, Goal
from counters.sync import goals
from devtools.demonstration.consent import link_person
from integrations.models import YandexAccount


@dataclass(frozen=True)
class SoakCounter:
    """A counter of a person, with settings that select different calls."""

    login: str
    number: int
    goal: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


COUNTERS = (
    SoakCounter("okna-stolica", 91234567, goal="calltracking_call_order"),
    SoakCounter(
        "agency-media",
        91400012,
        goal="calltracking_call_order",
        settings={"min_duration_seconds": 60, "call_status": Counter.CallStatus.SUCCESS},
    ),
    SoakCounter("klinika-ural", 91300042, settings={"last_attempt_only": False}),
)


@dataclass(frozen=True)
class SoakCabinet:
    """The cabinet of a soak, its source of calls and its owner."""

    cabinet: Cabinet
    source: CallSource
    person: User


def reconnect(soak: SoakCabinet) -> int:
    """Link the accounts that need it again, as the customer would; return how many."""
    asking = soak.cabinet.yandex_accounts.filter(state=YandexAccount.State.REAUTH_REQUIRED)
    logins = list(asking.values_list("login", flat=True))
    for login in logins:
        link_person(login=login, user=soak.person, cabinet=soak.cabinet)
    return len(logins)


def set_up(now: datetime) -> SoakCabinet:
    """Create the cabinet. Raises ConsentRefused or LinkFailed if the sandbox is not one."""
    person = _person(now)
    cabinet = Cabinet.objects.create(name=f"Прогон {now:%d.%m.%Y %H:%M:%S}", is_demo=True)
    Membership.objects.create(cabinet=cabinet, user=person, role=Membership.Role.OWNER)
    source, _secret = create_source(cabinet=cabinet, name="CallKeeper", time_zone=cabinet.time_zone)
    for chosen in COUNTERS:
        _add(chosen, cabinet=cabinet, person=person)
    return SoakCabinet(cabinet, source, person)


def _person(now: datetime) -> User:
    """Create the owner, who has no password."""
    person: User = get_user_model().objects.create_user(username=f"soak-{now:%Y%m%d%H%M%S%f}")
    return person


def _add(chosen: SoakCounter, *, cabinet: Cabinet, person: User) -> None:
    now = timezone.now()
    account = link_person(login=chosen.login, user=person, cabinet=cabinet)
    added = lifecycle.add_counters(
        cabinet=cabinet, account=account, numbers=[chosen.number], actor=person, now=now
    ).added
    for counter in added:
        goals.refresh_goals(counter, now=now)
        goal = Goal.objects.filter(counter=counter, identifier=chosen.goal).first()
        Counter.objects.filter(pk=counter.pk).update(
            goal=goal if chosen.goal else None,
            site_mode=Counter.SiteMode.ALL,
            configured_at=now,
            settings_saved_at=now,
            **chosen.settings,
        )
