"""Queues messages about notices that began or ended: one message to a person about many changes.

A message that has not been tried yet takes further changes; a person gets the next one by the same
medium only GROUP_INTERVAL after the last. Call inside the transaction that changes the notices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max

from accounts import emails
from cabinets.models import Membership
from notices.choices import ALL_GROUPS, RELATED, groups_of, reachable_by
from notices.kinds import GROUPS, WITHOUT_RECOVERY, Kind
from notices.models import (
    Medium,
    MessageState,
    Notice,
    NoticeLine,
    NoticeMessage,
    NoticeWebhook,
)

#: How long a message waits for further changes, and the pause after one.
GROUP_WAIT = timedelta(minutes=1)
GROUP_INTERVAL = timedelta(minutes=10)

TargetKey = tuple[int, int | None, str]
Change = tuple[Notice, NoticeLine.Event]


@dataclass(frozen=True)
class Target:
    """A person and a medium, or the webhook of a cabinet, with the groups that are wanted."""

    cabinet_id: int
    user_id: int | None
    medium: Medium
    groups: Collection[str]

    @property
    def key(self) -> TargetKey:
        """What has at most one message that gathers changes."""
        return self.cabinet_id, self.user_id, self.medium.value


def queue(*, opened: Iterable[Notice], closed: Iterable[Notice], now: datetime) -> int:
    """Add the changes to the messages of everybody who wants them; return how many messages."""
    changes: dict[int, list[Change]] = defaultdict(list)
    for notice in opened:
        changes[notice.cabinet_id].append((notice, NoticeLine.Event.OPENED))
    for notice in closed:
        if notice.kind not in WITHOUT_RECOVERY:
            changes[notice.cabinet_id].append((notice, NoticeLine.Event.CLOSED))
    wanted = _wanted(changes)
    messages = _gathering(wanted.keys(), now)
    NoticeLine.objects.bulk_create(
        [
            NoticeLine(message=messages[key], notice=notice, event=event)
            for key, of_target in wanted.items()
            for notice, event in of_target
        ],
        batch_size=1000,
    )
    return len(messages)


def _wanted(changes: dict[int, list[Change]]) -> dict[TargetKey, list[Change]]:
    found: dict[TargetKey, list[Change]] = {}
    for target in _targets(changes.keys()) if changes else ():
        lines = [
            (notice, event)
            for notice, event in changes[target.cabinet_id]
            if GROUPS[Kind(notice.kind)] in target.groups
        ]
        if lines:
            found[target.key] = lines
    return found


def _targets(cabinets: Collection[int]) -> Iterator[Target]:
    members = Membership.objects.filter(cabinet__in=cabinets).select_related(*RELATED)
    members = members.prefetch_related(emails.RELATED)
    for one in members.order_by("pk"):
        for medium in reachable_by(one.user):
            yield Target(one.cabinet_id, one.user_id, medium, groups_of(one, medium))
    for cabinet_id in NoticeWebhook.objects.filter(cabinet__in=cabinets).values_list(
        "cabinet_id", flat=True
    ):
        yield Target(cabinet_id, None, Medium.WEBHOOK, ALL_GROUPS)


def _gathering(keys: Collection[TargetKey], now: datetime) -> dict[TargetKey, NoticeMessage]:
    """Return the message of each target that takes changes, locked; made if there is none."""
    of_cabinets = NoticeMessage.objects.filter(
        cabinet__in={cabinet for cabinet, _user, _medium in keys}, digest_day=None
    )
    fresh = of_cabinets.filter(state=MessageState.WAITING, attempts=0, body="")
    found = {_key(one): one for one in fresh.select_for_update().order_by("pk")}
    last = of_cabinets.filter(ended_at__gt=now - GROUP_INTERVAL, state=MessageState.SENT)
    sent = {
        (cabinet, user, medium): at
        for cabinet, user, medium, at in last.values_list("cabinet", "user", "medium").annotate(
            Max("ended_at")
        )
    }
    made = NoticeMessage.objects.bulk_create(
        _message(key, now, sent.get(key)) for key in keys if key not in found
    )
    found |= {_key(one): one for one in made}
    return {key: found[key] for key in keys}


def _key(message: NoticeMessage) -> TargetKey:
    return message.cabinet_id, message.user_id, message.medium


def _message(key: TargetKey, now: datetime, last: datetime | None) -> NoticeMessage:
    cabinet_id, user_id, medium = key
    again = last + GROUP_INTERVAL if last and medium != Medium.WEBHOOK else now
    return NoticeMessage(
        cabinet_id=cabinet_id,
        user_id=user_id,
        medium=medium,
        created_at=now,
        not_before=max(now + GROUP_WAIT, again),
    )
