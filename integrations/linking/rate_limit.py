"""Limits how often a person, or an address, may start or finish a link."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from cabinets.client_address import limited_address
from cabinets.rate_limit import RateLimit, consume

WINDOW_SECONDS = 600
# A person who links twenty accounts in ten minutes has to wait; an office behind one address
# may hold several such persons.
PER_PERSON = 20
PER_ADDRESS = 120


def is_over_limit(request: HttpRequest, action: str) -> bool:
    """Count this attempt; return whether the person or their address is over the limit.

    Each ``action`` has limits of its own; behind a proxy that names no client only the person is
    counted. False without Redis (`cabinets.rate_limit.consume`): the
    person is signed in, and linking must not depend on Redis.
    """
    now = timezone.now().timestamp()
    person = RateLimit(f"link:{action}:person", PER_PERSON, WINDOW_SECONDS)
    waits = [consume(person, str(request.user.pk), now=now)]
    address = limited_address(request)
    if address is not None:
        of_address = RateLimit(f"link:{action}:address", PER_ADDRESS, WINDOW_SECONDS)
        waits.append(consume(of_address, address, now=now))
    return any(waits)
