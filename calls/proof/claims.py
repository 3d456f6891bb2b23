"""Who works on a request for logs: a lease, and moves that hold only while it is held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from calls.models import LogRequest, LogState

#: How long a process that died keeps others away. Renewed while a part is read.
LEASE = timedelta(minutes=5)


class Lost(Exception):
    """The request is another worker's by now, or has ended: nothing of this step is recorded."""


@dataclass
class Claim:
    """A request that this process works on. ``request`` is loaded with its counter and account."""

    request: LogRequest
    lease_until: datetime

    def move(self, state: str | None = None, **changes: Any) -> None:
        """Record the step, and its new state if it has one. Raises Lost."""
        if state is not None:
            changes["state"] = state
        for name, value in changes.items():
            setattr(self.request, name, value)
        self._update(**changes)

    def renew(self) -> None:
        """Keep the lease for as long again. Raises Lost."""
        until = timezone.now() + LEASE
        self._update(lease_until=until)
        self.lease_until = until

    def hold(self) -> None:
        """Keep others from taking it until the caller's transaction ends. Raises Lost."""
        if not self._own().select_for_update(no_key=True).values_list("pk"):
            raise Lost

    def release(self) -> None:
        """Let another worker take it, if it is still ours."""
        self._own().update(lease_until=None)

    def _update(self, **changes: Any) -> None:
        if not self._own().update(**changes):
            raise Lost

    def _own(self) -> Any:
        return LogRequest.objects.open().filter(pk=self.request.pk, lease_until=self.lease_until)


def claim(pk: int, now: datetime) -> Claim | None:
    """Take a due request; None when another worker has it or one of the same login is at work."""
    until = now + LEASE
    if not LogRequest.objects.due(now).filter(pk=pk).update(lease_until=until):
        return None
    request = (
        LogRequest.objects.select_related("counter__account", "counter__cabinet")
        .defer("counter__account__access_token", "counter__account__refresh_token")
        .get(pk=pk)
    )
    return Claim(request, until)


def due(now: datetime) -> list[int]:
    """Return the due requests, those to be removed from Metrika first, then people's orders.

    Left out are those of logins for which another request is being worked on.
    """
    at_work = LogRequest.objects.open().filter(
        counter__account__yandex_uid=OuterRef("counter__account__yandex_uid"), lease_until__gt=now
    )
    found = LogRequest.objects.due(now).exclude(Exists(at_work))
    ranked = found.values_list("pk", "state", "requested_by_id")
    order = sorted(ranked, key=lambda one: (one[1] != LogState.CLEANING, one[2] is None, one[0]))
    return [pk for pk, _state, _by in order]
