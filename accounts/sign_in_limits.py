"""How often passwords may be guessed: counted and refused before anything is hashed.

* A client address has PER_ADDRESS, unless it is not known (`limited_address`). Where it may be that
  of a proxy which the settings do not name, a browser over the limit gets a turn as below.
* A name has PER_NAME, whether such a person exists or not. Strangers can use that up, so it is no
  lock: a browser in which the person has signed in before (`known_browser`) has PER_BROWSER of its
  own, and every other browser gets a turn of its own after a delay (`waiting_turn`).
* A sign-in that succeeds gives back what it took.

Without Redis nothing is limited here (`cabinets.rate_limit.consume`); hashing stays bounded.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import known_browser, waiting_turn
from accounts.hashing import HashingBusy, hashing_slot
from accounts.waiting_turn import Turn
from cabinets.client_address import limited_address, may_be_proxy
from cabinets.rate_limit import RateLimit, consume, give_back

MINUTE = 60
PER_ADDRESS = RateLimit("sign_in:address", 30, 15 * MINUTE)
PER_NAME = RateLimit("sign_in:name", 10, 30 * MINUTE)
PER_BROWSER = RateLimit("sign_in:browser", 10, 15 * MINUTE)
#: Wrong present passwords, of the person who is signed in.
PER_CHANGE = RateLimit("sign_in:change", 10, 15 * MINUTE)

#: Codes of a second factor, of the person whose password was right. Of a million codes three are
#: valid at a time: without the limit of a day a month of guesses would find one in twelve cases.
PER_CODE = RateLimit("sign_in:code", 10, 15 * MINUTE)
PER_CODE_DAY = RateLimit("sign_in:code_day", 50, 24 * 60 * MINUTE)

#: Addresses over their limit, with the Unix time until which they have to wait, and how many of
#: them each process keeps.
_refused_until: dict[str, float] = {}
MAX_REFUSED = 10_000

Units = list[tuple[RateLimit, str]]


class Limit(enum.StrEnum):
    """What is used up."""

    ADDRESS = "address"
    NAME = "name"
    CHANGE = "change"
    CONFIRM = "confirm"
    CODE = "code"


@dataclass
class SignInRefused(Exception):
    """An attempt was refused before the password was looked at; ``wait`` is in seconds.

    ``turn`` is what the browser has to keep to be admitted after the wait.
    """

    limit: Limit
    wait: int
    turn: Turn | None = None


@contextmanager
def counted_sign_in(request: HttpRequest, name: str) -> Iterator[None]:
    """Count an attempt to sign in as ``name`` and hold a hashing slot for its check.

    A block that raises has failed and stays counted, unless it raises HashingBusy. Raises
    SignInRefused and HashingBusy before the block.
    """
    taken = _admit(request, name)
    yield from _counted(taken, is_known=PER_BROWSER in dict(taken))


@contextmanager
def counted_change(user: User, limit: Limit = Limit.CHANGE) -> Iterator[None]:
    """The same for a person who is signed in and gives the present password to change something."""
    taken = _take(PER_CHANGE, user, limit)
    yield from _counted(taken, is_known=True)


@contextmanager
def counted_code(user: User) -> Iterator[None]:
    """The same for a code of a second factor, which is not hashed."""
    taken = _take(PER_CODE_DAY, user, Limit.CODE)
    try:
        taken += _take(PER_CODE, user, Limit.CODE)
    except SignInRefused:
        _return(taken)
        raise
    yield
    _return(taken)


def count_passkey(request: HttpRequest) -> None:
    """Count an attempt to sign in by a passkey, of the client address. Raises SignInRefused."""
    address = _passkey_address(request)
    wait = consume(PER_ADDRESS, address, now=timezone.now().timestamp()) if address else 0
    if wait:
        raise SignInRefused(Limit.ADDRESS, wait)


def give_back_passkey(request: HttpRequest) -> None:
    """Give back what the attempt that succeeded has taken."""
    address = _passkey_address(request)
    _return([(PER_ADDRESS, address)] if address else [])


def _passkey_address(request: HttpRequest) -> str | None:
    address = limited_address(request)
    return None if address and may_be_proxy(address) else address


def _take(limit: RateLimit, user: User, told: Limit) -> Units:
    wait = consume(limit, str(user.pk), now=timezone.now().timestamp())
    if wait:
        raise SignInRefused(told, wait)
    return [(limit, str(user.pk))]


def _counted(taken: Units, *, is_known: bool) -> Iterator[None]:
    try:
        with hashing_slot(is_known=is_known):
            yield
    except HashingBusy:
        _return(taken)
        raise
    _return(taken)


def _admit(request: HttpRequest, name: str) -> Units:
    """Return the units that the attempt took. Raises SignInRefused, which takes none."""
    now = timezone.now().timestamp()
    if known_browser.COOKIE in request.COOKIES:
        user = _user(name)
        browser = known_browser.browser_id(request, user) if user else None
        if browser and not consume(PER_BROWSER, browser, now=now):
            return [(PER_BROWSER, browser)]
    return _admit_unknown(request, name, now)


def _admit_unknown(request: HttpRequest, name: str, now: float) -> Units:
    # The address first: a flood from one address must cost neither a query nor the name's attempts.
    address = limited_address(request)
    wait = consume(PER_ADDRESS, address, now=now) if address else 0
    if address and wait and not may_be_proxy(address):
        _remember_refusal(address, now + wait, now)
        raise SignInRefused(Limit.ADDRESS, wait)
    subject = subject_of(name, _user(name))
    taken: Units = [(PER_ADDRESS, address)] if address and not wait else []
    limit = Limit.ADDRESS if wait else Limit.NAME
    if not wait and not consume(PER_NAME, subject, now=now):
        return [*taken, (PER_NAME, subject)]
    if waiting_turn.take(request, subject, now=now):
        return taken
    _return(taken)
    own = None if address and may_be_proxy(address) else address
    turn, delay = waiting_turn.next_turn(request, subject, own, now=now)
    raise SignInRefused(limit, delay, turn)


def refuse_known_address(request: HttpRequest, *, now: float) -> None:
    """Raise SignInRefused for an address that this process has refused and that still has to wait.

    Redis is not asked.
    """
    until = _refused_until.get(limited_address(request) or "", 0.0)
    if until > now:
        raise SignInRefused(Limit.ADDRESS, math.ceil(until - now))


def _remember_refusal(address: str, until: float, now: float) -> None:
    if len(_refused_until) >= MAX_REFUSED:
        for one in [key for key, end in _refused_until.copy().items() if end <= now]:
            _refused_until.pop(one, None)
    if len(_refused_until) < MAX_REFUSED:
        _refused_until[address] = until


def _user(name: str) -> User | None:
    return User.objects.filter(username=name).first()


def subject_of(name: str, user: User | None) -> str:
    """Return what stands for the name in Redis and cookies: a digest, of a person or of a text."""
    text = f"user {user.pk}" if user else f"text {name.casefold()}"
    return salted_hmac("accounts.sign_in_limits", text).hexdigest()[:32]


def _return(taken: Units) -> None:
    now = timezone.now().timestamp()
    for limit, subject in taken:
        give_back(limit, subject, now=now)
