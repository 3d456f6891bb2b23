"""The consent page's behaviour: https://yandex.ru/dev/id/doc/en/codes/code-url"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlencode, urlsplit

from . import pages
from .messages import Request, Response, html_response, redirect
from .world import World

# What the application has registered; asked for when a request names no scope.
REGISTERED = (
    "login:info",
    "login:email",
    "login:avatar",
    "metrika:read",
    "metrika:write",
    "metrika:offline_data",
)
DEVICE_ID = re.compile(r"[ -~]{6,50}")
CHALLENGE = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
STATE_LIMIT = 1024
COOKIE = "sandbox_browser"


@dataclass(frozen=True)
class Wish:
    """A checked authorization request."""

    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...]
    challenge: str
    challenge_method: str
    device_id: str
    device_name: str
    hint: str
    is_forced: bool

    def redirect(self, **answer: str) -> Response:
        values = answer | ({"state": self.state} if self.state else {})
        joint = "&" if urlsplit(self.redirect_uri).query else "?"
        return redirect(self.redirect_uri + joint + urlencode(values))


class BadRequest(Exception):
    """Shown on Yandex's own page, with no way back to the application."""


class SentBack(Exception):
    """Told to the application through the redirect."""

    def __init__(self, wish: Wish, error: str, description: str) -> None:
        super().__init__(error)
        self.response = wish.redirect(error=error, error_description=description)


def answer(world: World, request: Request) -> Response:
    try:
        wish = _wish(world, request)
        _check(wish)
        if request.method == "POST":
            return _decide(world, request, wish)
        return _ask(world, request, wish)
    except BadRequest as refusal:
        return html_response(pages.bad_request(str(refusal)), status=400)
    except SentBack as refusal:
        return refusal.response


def _wish(world: World, request: Request) -> Wish:
    if any(len(values) > 1 for values in request.query.values()):
        raise BadRequest("Параметр передан дважды.")
    if request.param("client_id") != world.options.client_id:
        raise BadRequest("Неизвестное приложение с таким client_id (unknown client).")
    return Wish(
        redirect_uri=_redirect_uri(world, request),
        state=request.param("state"),
        scopes=_scopes(request),
        optional_scopes=tuple(request.param("optional_scope").split()),
        challenge=request.param("code_challenge"),
        challenge_method=request.param("code_challenge_method") or "plain",
        device_id=request.param("device_id"),
        device_name=request.param("device_name"),
        hint=request.param("login_hint"),
        is_forced=request.param("force_confirm") in ("yes", "1", "true"),
    )


def _redirect_uri(world: World, request: Request) -> str:
    """Scheme, host, port and path must be registered; query and fragment may differ."""
    registered = world.options.redirect_uris
    asked = request.param("redirect_uri") or registered[0]
    if urlsplit(asked)[:3] not in [urlsplit(known)[:3] for known in registered]:
        raise BadRequest("redirect_uri не совпадает с Callback URL, указанным при регистрации.")
    return asked


def _scopes(request: Request) -> tuple[str, ...]:
    asked = request.param("scope").split()
    if not asked and not request.param("optional_scope"):
        return REGISTERED
    return tuple(dict.fromkeys(asked))


def _check(wish: Wish) -> None:
    if len(wish.state) > STATE_LIMIT:
        raise BadRequest("Параметр state длиннее 1024 символов.")
    unknown = {*wish.scopes, *wish.optional_scopes} - set(REGISTERED)
    if unknown:
        raise SentBack(wish, "invalid_scope", "Scope is not registered: " + " ".join(unknown))
    if wish.device_id and not DEVICE_ID.fullmatch(wish.device_id):
        raise SentBack(wish, "invalid_request", "device_id must be 6 to 50 printable characters")
    is_known_method = wish.challenge_method in ("S256", "plain")
    if wish.challenge and not (is_known_method and CHALLENGE.fullmatch(wish.challenge)):
        raise SentBack(wish, "invalid_request", "code_challenge is malformed")


def _ask(world: World, request: Request, wish: Wish) -> Response:
    if request.param("response_type") != "code":
        raise SentBack(wish, "unsupported_response_type", "response_type must be code")
    person = world.people.of_browser(_browser(request))
    if person and not wish.is_forced and _has_consented(world, person["login"], wish):
        return _grant(world, person["login"], wish, wish.scopes)
    hinted = world.people.find(wish.hint) if wish.hint else None
    chosen = hinted or person
    target = urlsplit(wish.redirect_uri)
    body = pages.consent(
        query=urlencode({name: values[0] for name, values in request.query.items()}),
        app=world.options.client_name,
        host=target.netloc,
        scopes=wish.scopes,
        optional_scopes=wish.optional_scopes,
        people=world.people.all(),
        chosen=chosen["login"] if chosen else "",
        device_name=wish.device_name,
    )
    response = html_response(body)
    # Browsers hold the redirect after a form to form-action too.
    response.headers["X-Form-Target"] = f"{target.scheme}://{target.netloc}"
    return response


def _has_consented(world: World, login: str, wish: Wish) -> bool:
    return set(wish.scopes) <= world.tokens.consented(login, world.options.client_id)


def _decide(world: World, request: Request, wish: Wish) -> Response:
    form = request.form()
    if form.get("decision") != ["allow"]:
        return wish.redirect(error="access_denied", error_description="User denied access")
    person = _chosen(world, form)
    ticked = [scope for scope in wish.optional_scopes if scope in form.get("optional", [])]
    scopes = (*wish.scopes, *ticked)
    world.tokens.consent(person["login"], world.options.client_id, " ".join(scopes))
    response = _grant(world, person["login"], wish, scopes)
    browser = world.people.remember_browser(_browser(request), person["login"])
    response.headers["Set-Cookie"] = f"{COOKIE}={browser}; Path=/; HttpOnly; SameSite=Lax"
    return response


def _chosen(world: World, form: dict[str, list[str]]) -> sqlite3.Row:
    person = world.people.find(form.get("login", [""])[0])
    if person is None:
        raise BadRequest("Выберите аккаунт.")
    return person


def _grant(world: World, login: str, wish: Wish, scopes: tuple[str, ...]) -> Response:
    code = world.tokens.new_code(
        login=login,
        client_id=world.options.client_id,
        scopes=" ".join(scopes),
        asked=" ".join(dict.fromkeys((*wish.scopes, *wish.optional_scopes))),
        device_id=wish.device_id,
        redirect_uri=wish.redirect_uri,
        challenge=wish.challenge,
        challenge_method=wish.challenge_method,
    )
    return wish.redirect(code=code)


def _browser(request: Request) -> str:
    try:
        cookie = SimpleCookie(request.header("Cookie")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
