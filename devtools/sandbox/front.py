"""Routing of one port: three Yandex hosts, CallKeeper's API, the sandbox's pages and controls."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from . import consent, control, dashboard, metrika, oauth
from .callkeeper import api as callkeeper_api
from .journal import Entry
from .messages import ApiError, Request, Response, html_response
from .pages import page
from .world import World

logger = logging.getLogger("devtools.sandbox")

Answer = Callable[[World, Request], Response]
CSS = Path(__file__).with_name("static") / "sandbox.css"
POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'{}; "
    "base-uri 'none'; frame-ancestors 'none'"
)
OWN: dict[str, Answer] = {"/": dashboard.index, "/dashboard": dashboard.counter}
OAUTH_PATHS = ("/token", "/revoke_token", "/info")


def answer(world: World, request: Request) -> Response:
    """Answer a request; raise :class:`CutConnection` if a fault cuts the connection."""
    if request.path.startswith("/_sandbox/") or request.path in OWN:
        return _with_security_headers(_own(world, request))
    request.login = _login(world, request)
    with world.journal.watch(request) as entry:
        try:
            response = _vendor(request.path)(world, request)
            entry.status = response.status
        finally:
            _log(entry)
    return _with_security_headers(response)


def _own(world: World, request: Request) -> Response:
    try:
        if request.path == "/_sandbox/static/sandbox.css":
            return Response(200, CSS.read_bytes(), {"Content-Type": "text/css; charset=utf-8"})
        return OWN.get(request.path, control.answer)(world, request)
    except ApiError as refusal:
        return refusal.response()


def _vendor(path: str) -> Answer:
    if path == "/authorize":
        return consent.answer
    if path in OAUTH_PATHS:
        return oauth.answer
    if path.startswith(("/management/", "/stat/")):
        return metrika.answer
    return callkeeper_api.answer if path in callkeeper_api.PATHS else _not_found


def _not_found(world: World, request: Request) -> Response:
    return html_response(page("404", "<h1>404</h1><p>Такой страницы нет.</p>"), status=404)


def _login(world: World, request: Request) -> str:
    """Return the login of the token, empty if it is invalid or missing."""
    if request.path in callkeeper_api.PATHS:
        return callkeeper_api.account_name(world, request)
    kind, _, access = request.header("Authorization").partition(" ")
    token = world.tokens.live(access.strip()) if kind in ("OAuth", "Bearer") else None
    return token["login"] if token else ""


def _with_security_headers(response: Response) -> Response:
    """Add headers: no scripts, no frames, forms only to the sandbox and the application."""
    target = response.headers.pop("X-Form-Target", "")
    response.headers |= {
        "Content-Security-Policy": POLICY.format(f" {target}" if target else ""),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return response


def _log(entry: Entry) -> None:
    status = entry.status or "cut"
    logger.info("%s %s %s %s", entry.method, entry.path, status, entry.login or "-")
