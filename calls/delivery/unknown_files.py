"""A person's decision about the calls that may be in files which the database does not know.

Metrika can neither change nor delete what it took, and does not tell which calls a file has, so
this is never decided without a person; see `calls.delivery.takeover`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count

from cabinets import audit
from calls.decision.redecide import decide_again
from calls.models import Delivery, UnknownFile
from calls.models.querysets import AWAITS_FILE
from calls.states import COUNTER_OFF, MAYBE_SENT
from counters.models import Counter


def decide_files(
    counter: Counter, *, send: bool, ids: Collection[int], actor: User | None, now: datetime
) -> int | None:
    """Send the calls that may be in these files of a counter, or hold them to be in Metrika.

    ``ids`` are the files that the person was told of: one that was found since then waits for a
    decision of its own, and so do the calls that may be in it. Return how many calls were decided;
    None when no file is open any more, because another person has decided.
    """
    state = UnknownFile.State.RELEASED if send else UnknownFile.State.KEPT
    with transaction.atomic():
        # The lock of the batcher and of the takeover.
        locked = Counter.objects.select_for_update(of=("self",), no_key=True).get(pk=counter.pk)
        files = UnknownFile.objects.filter(counter=locked, state=UnknownFile.State.OPEN, pk__in=ids)
        markers = list(files.order_by("pk").values_list("marker", flat=True))
        if not markers:
            return None
        before = _calls_awaiting(locked, now)
        files.update(state=state)
        # Of a counter that is off they wait for the switch, as all others do.
        decide_again(locked.pk, now=now, reason=MAYBE_SENT, without=(COUNTER_OFF,))
        calls = before - _calls_awaiting(locked, now)
        audit.log_change(
            cabinet=locked.cabinet,
            actor=actor,
            action="unknown_files.released" if send else "unknown_files.kept",
            subject=locked,
            before={"state": UnknownFile.State.OPEN.value},
            after={"state": state.value, "markers": markers, "calls": calls},
        )
    return calls


def _calls_awaiting(counter: Counter, now: datetime) -> int:
    waiting = Delivery.objects.filter(AWAITS_FILE, counter=counter, expires_at__gt=now)
    return int(waiting.aggregate(count=Count("call_id", distinct=True))["count"])
