"""Limits how often a person, or an address, may start or finish a link."""

from __future__ import annotations

import ipaddress
import logging

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 600
# A person who links twenty accounts in ten minutes has to wait; an office behind one address
# may hold several such persons.
PER_PERSON = 20
PER_ADDRESS = 120


def is_too_often(request: HttpRequest, action: str) -> bool:
    """Count this try and tell whether the person or their address is over the limit.

    The counters live in the cache. Without it the answer is no: whoever gets here is signed in,
    and linking must not depend on the cache.
    """
    try:
        person = _count(f"link:{action}:person:{request.user.pk}")
        address = _count(f"link:{action}:address:{client_address(request)}")
    except RedisError as problem:
        logger.warning("Tries to link are not counted: %s", type(problem).__name__)
        return False
    return person > PER_PERSON or address > PER_ADDRESS


def client_address(request: HttpRequest) -> str:
    """Return the address of the browser: behind our proxy, the last one the proxy wrote down.

    Whatever comes before that one, the browser may have made up.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    is_proxied = bool(settings.SECURE_PROXY_SSL_HEADER)
    last = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", 1)[-1].strip()
    return last if is_proxied and _is_address(last) else peer


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _count(key: str) -> int:
    cache.add(key, 0, WINDOW_SECONDS)
    try:
        return cache.incr(key)
    except ValueError:  # the window ended between the two commands
        return 1
