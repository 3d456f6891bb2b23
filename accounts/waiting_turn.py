"""A browser's own turn to guess a name that has too many guesses: after a delay that grows.

The turn is in a signed cookie, so nobody else can use it up. It admits one attempt.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from cabinets.rate_limit import RateLimit, consume

COOKIE, SALT = "ck_turn", "accounts.waiting_turn"
#: Seconds from the moment at which a turn may be used until it is worthless.
USABLE_SECONDS = 15 * 60
#: Turns of one name and one client address. Where addresses are not known, the turns of everybody
#: are counted together, so there are more of them.
SHORT_SECONDS, LONG_SECONDS = 30, 300
SHORT = RateLimit("sign_in:short_turn", 3, 15 * 60)
LONG = RateLimit("sign_in:long_turn", 1, LONG_SECONDS)
SHORT_OF_ALL = RateLimit("sign_in:short_turn", 60, 15 * 60)
LONG_OF_ALL = RateLimit("sign_in:long_turn", 20, LONG_SECONDS)
ONCE = RateLimit("sign_in:used_turn", 1, LONG_SECONDS + 2 * USABLE_SECONDS)


@dataclass(frozen=True)
class Turn:
    """``name`` is a digest, ``at`` Unix time."""

    name: str
    at: int
    key: str


def take(request: HttpRequest, name: str, *, now: float) -> bool:
    """Return whether the browser has a turn for this name that may be used now, and use it up."""
    turn = _read(request, name, now)
    return turn is not None and turn.at <= now and consume(ONCE, turn.key, now=now) == 0


def next_turn(
    request: HttpRequest, name: str, address: str | None, *, now: float
) -> tuple[Turn | None, int]:
    """Return the browser's turn and the seconds until it.

    A turn that is still to come is kept. None when this address has got too many turns lately;
    after the seconds it gets the next one.
    """
    own = _read(request, name, now)
    if own and own.at > now:
        return own, int(own.at - now) + 1
    delay, wait = _delay(f"{name}:{address or ''}", is_known=address is not None, now=now)
    if wait:
        return None, wait
    return Turn(name, int(now) + delay, secrets.token_urlsafe(12)), delay


def _delay(subject: str, *, is_known: bool, now: float) -> tuple[int, int]:
    """Return the delay of the next turn, and the seconds until there is one, 0 for at once."""
    if not consume(SHORT if is_known else SHORT_OF_ALL, subject, now=now):
        return SHORT_SECONDS, 0
    return LONG_SECONDS, consume(LONG if is_known else LONG_OF_ALL, subject, now=now)


def keep(response: HttpResponse, turn: Turn) -> None:
    """Store the turn in the browser."""
    response.set_cookie(
        COOKIE,
        signing.dumps(asdict(turn), salt=SALT),
        max_age=LONG_SECONDS + USABLE_SECONDS,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def _read(request: HttpRequest, name: str, now: float) -> Turn | None:
    """Return the browser's turn for this name, unless it is too old."""
    try:
        turn = Turn(**signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT))
    except (signing.BadSignature, TypeError):
        return None
    return turn if turn.name == name and now < turn.at + USABLE_SECONDS else None
