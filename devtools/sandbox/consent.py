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

# Scopes the application has registered; the default of a request without scopes.
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
class AuthorizationRequest:
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
    """An error shown on Yandex's own page, without a redirect."""


class RedirectedError(Exception):
    """An error passed to the application in the redirect."""

    def __init__(self, asked: AuthorizationRequest, error: str, description: str) -> None:
        super().__init__(error)
        self.response = asked.redirect(error=error, error_description=description)


def answer(world: World, request: Request) -> Response:
    try:
        asked = _parse(world, request)
        _check(asked)
        if request.method == "POST":
            return _decide(world, request, asked)
        return _ask(world, request, asked)
    except BadRequest as refusal:
        return html_response(pages.bad_request(str(refusal)), status=400)
    except RedirectedError as refusal:
        return refusal.response


def _parse(world: World, request: Request) -> AuthorizationRequest:
    if any(len(values) > 1 for values in request.query.values()):
        raise BadRequest("Параметр передан дважды.")
    if request.param("client_id") != world.options.client_id:
        raise BadRequest("Неизвестное приложение с таким client_id (unknown client).")
    return AuthorizationRequest(
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


def _check(asked: AuthorizationRequest) -> None:
    if len(asked.state) > STATE_LIMIT:
        raise BadRequest("Параметр state длиннее 1024 символов.")
    unknown = {*asked.scopes, *asked.optional_scopes} - set(REGISTERED)
    if unknown:
        raise RedirectedError(
            asked, "invalid_scope", "Scope is not registered: " + " ".join(unknown)
        )
    if asked.device_id and not DEVICE_ID.fullmatch(asked.device_id):
        raise RedirectedError(
            asked, "invalid_request", "device_id must be 6 to 50 printable characters"
        )
    is_known_method = asked.challenge_method in ("S256", "plain")
    if asked.challenge and not (is_known_method and CHALLENGE.fullmatch(asked.challenge)):
        raise RedirectedError(asked, "invalid_request", "code_challenge is malformed")


def _ask(world: World, request: Request, asked: AuthorizationRequest) -> Response:
    if request.param("response_type") != "code":
        raise RedirectedError(asked, "unsupported_response_type", "response_type must be code")
    person = world.people.of_browser(_browser(request))
    if person and not asked.is_forced and _has_consented(world, person["login"], asked):
        return _grant(world, person["login"], asked, asked.scopes)
    hinted = world.people.find(asked.hint) if asked.hint else None
    chosen = hinted or person
    target = urlsplit(asked.redirect_uri)
    body = pages.consent(
        query=urlencode({name: values[0] for name, values in request.query.items()}),
        app=world.options.client_name,
        host=target.netloc,
        scopes=asked.scopes,
        optional_scopes=asked.optional_scopes,
        people=world.people.all(),
        chosen=chosen["login"] if chosen else "",
        device_name=asked.device_name,
    )
    response = html_response(body)
    # Browsers apply form-action to the redirect after a form as well.
    response.headers["X-Form-Target"] = f"{target.scheme}://{target.netloc}"
    return response


def _has_consented(world: World, login: str, asked: AuthorizationRequest) -> bool:
    return set(asked.scopes) <= world.tokens.consented(login, world.options.client_id)


def _decide(world: World, request: Request, asked: AuthorizationRequest) -> Response:
    form = request.form()
    if form.get("decision") != ["allow"]:
        return asked.redirect(error="access_denied", error_description="User denied access")
    person = _chosen(world, form)
    ticked = [scope for scope in asked.optional_scopes if scope in form.get("optional", [])]
    scopes = (*asked.scopes, *ticked)
    world.tokens.consent(person["login"], world.options.client_id, " ".join(scopes))
    response = _grant(world, person["login"], asked, scopes)
    browser = world.people.remember_browser(_browser(request), person["login"])
    response.headers["Set-Cookie"] = f"{COOKIE}={browser}; Path=/; HttpOnly; SameSite=Lax"
    return response


def _chosen(world: World, form: dict[str, list[str]]) -> sqlite3.Row:
    person = world.people.find(form.get("login", [""])[0])
    if person is None:
        raise BadRequest("Выберите аккаунт.")
    return person


def _grant(
    world: World, login: str, asked: AuthorizationRequest, scopes: tuple[str, ...]
) -> Response:
    code = world.tokens.new_code(
        login=login,
        client_id=world.options.client_id,
        scopes=" ".join(scopes),
        asked=" ".join(dict.fromkeys((*asked.scopes, *asked.optional_scopes))),
        device_id=asked.device_id,
        redirect_uri=asked.redirect_uri,
        challenge=asked.challenge,
        challenge_method=asked.challenge_method,
    )
    return asked.redirect(code=code)


def _browser(request: Request) -> str:
    try:
        cookie = SimpleCookie(request.header("Cookie")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
