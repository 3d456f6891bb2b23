"""Links an account of the sandbox through the product's own flow, without a browser."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import requests
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from cabinets.models import Cabinet
from integrations.linking import flow
from integrations.linking import state as oauth_state
from integrations.linking.state import Actor
from integrations.models import YandexAccount

TIMEOUT_SECONDS = 10


class ConsentRefused(Exception):
    """The consent page did not redirect with a code; it may not be the sandbox."""


def link_person(*, login: str, user: User, cabinet: Cabinet) -> YandexAccount:
    """Link the sandbox's person to the cabinet. Raises ConsentRefused or LinkFailed."""
    actor = Actor(user=user, cabinet=cabinet, session=SessionStore())
    address = flow.begin(actor, now=timezone.now())
    code, state = _allow(address, login)
    attempt = oauth_state.pop_attempt(actor, state=state, now=timezone.now())
    return flow.complete(attempt, code=code, now=timezone.now()).account


def _allow(address: str, login: str) -> tuple[str, str]:
    """Allow everything, the optional rights too, as they are ticked on the page."""
    asked = parse_qs(urlsplit(address).query).get("optional_scope", [""])[0].split()
    answer = requests.post(
        address,
        data={"login": login, "decision": "allow", "optional": asked},
        allow_redirects=False,
        timeout=TIMEOUT_SECONDS,
    )
    query = parse_qs(urlsplit(answer.headers.get("Location", "")).query)
    if "code" not in query or "state" not in query:
        raise ConsentRefused(f"the consent page of {login} answered {answer.status_code}")
    return query["code"][0], query["state"][0]
