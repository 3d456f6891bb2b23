"""Token, revocation and profile endpoints, in the dialect of oauth.yandex.ru.

https://yandex.ru/dev/id/doc/en/codes/code-url, .../tokens/refresh-client and
.../tokens/token-invalidate
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import sqlite3

from .fault_effects import handle_with_faults
from .messages import ApiError, Json, Request, Response, json_response
from .people import profile
from .world import World


class Refused(Exception):
    """One of Yandex's OAuth errors, by the name that is sent."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


def answer(world: World, request: Request) -> Response:
    try:
        return handle_with_faults(world, request, _handle)
    except ApiError as refusal:
        return refusal.response()
    except Refused as refusal:
        body = {"error": refusal.error, "error_description": refusal.description}
        return json_response(body, status=400)


def _handle(world: World, request: Request) -> Response:
    if request.path == "/info":
        return _info(world, request)
    if request.method != "POST":
        raise ApiError(405, "method_not_allowed", "Method is not allowed here")
    form = _form(request)
    client_id = _client(world, request, form)
    if request.path == "/revoke_token":
        return _revoke(world, form, client_id)
    return json_response(_token(world, request, form, client_id))


def _form(request: Request) -> dict[str, str]:
    if not request.header("Content-Type").startswith("application/x-www-form-urlencoded"):
        raise Refused("invalid_request", "grant_type not in POST")
    values = request.form()
    if any(len(given) > 1 for given in values.values()):
        raise Refused("invalid_request", "A parameter is given twice")
    return {name: given[0] for name, given in values.items()}


def _client(world: World, request: Request, form: dict[str, str]) -> str:
    """Authenticate the application; the header takes precedence over the body."""
    header = request.header("Authorization")
    given = _basic(header) if header else (form.get("client_id"), form.get("client_secret"))
    right = (world.options.client_id, world.options.client_secret)
    if not given[0]:
        raise Refused("invalid_request", "client_id not in POST")
    pairs = zip(given, right, strict=True)
    if not all(secrets.compare_digest((a or "").encode(), b.encode()) for a, b in pairs):
        raise Refused("invalid_client", "Client not found or wrong client secret")
    return right[0]


def _basic(header: str) -> tuple[str | None, str | None]:
    kind, _, packed = header.partition(" ")
    if kind.lower() != "basic":
        raise Refused("Basic auth required", "Basic auth required")
    try:
        client_id, colon, secret = base64.b64decode(packed, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise Refused("Malformed Authorization header", "Malformed Authorization header")
    return client_id, secret


def _token(world: World, request: Request, form: dict[str, str], client_id: str) -> Json:
    grant = form.get("grant_type")
    if grant is None:
        raise Refused("invalid_request", "grant_type not in POST")
    if grant == "authorization_code":
        return _exchanged(world, request, form, client_id)
    if grant == "refresh_token":
        return _refreshed(world, form, client_id)
    raise Refused("unsupported_grant_type", "Unknown grant_type")


def _exchanged(world: World, request: Request, form: dict[str, str], client_id: str) -> Json:
    code = world.tokens.code(_required(form, "code"))
    if code is None or code["client_id"] != client_id or not world.tokens.take_code(code["code"]):
        raise Refused("invalid_grant", "Code has expired")
    _check_verifier(code, form.get("code_verifier", ""))
    scopes = _cut(request, code["scopes"])
    device_id = form.get("device_id") or code["device_id"]
    token = world.tokens.issue(
        login=code["login"], client_id=client_id, scopes=scopes, device_id=device_id
    )
    answer = _as_json(world, token)
    # Yandex returns `scope` only if fewer scopes were granted than requested.
    is_cut = set(scopes.split()) != set(code["asked"].split())
    return answer | ({"scope": scopes} if is_cut else {})


def _check_verifier(code: sqlite3.Row, verifier: str) -> None:
    """RFC 7636 4.6: the verifier must match the challenge, and be absent if there was none."""
    challenge = code["challenge"]
    if not challenge and not verifier:
        return
    digest = hashlib.sha256(verifier.encode()).digest()
    hashed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    expected = hashed if code["challenge_method"] == "S256" else verifier
    if not verifier or not secrets.compare_digest(expected.encode(), challenge.encode()):
        raise Refused("invalid_grant", "code_verifier not matched")


def _cut(request: Request, scopes: str) -> str:
    fault = request.fault("scope_cut")
    dropped = fault.params.get("drop", ["metrika:read"]) if fault else []
    return " ".join(scope for scope in scopes.split() if scope not in dropped)


def _refreshed(world: World, form: dict[str, str], client_id: str) -> Json:
    token = world.tokens.by_refresh(_required(form, "refresh_token"))
    rotated = None
    if token is not None and token["client_id"] == client_id:
        rotated = world.tokens.refresh(token)
    if rotated is None:
        raise Refused("invalid_grant", "expired_token")
    return _as_json(world, rotated)


def _as_json(world: World, token: sqlite3.Row) -> Json:
    return {
        "access_token": token["access"],
        "expires_in": world.tokens.seconds_left(token),
        "refresh_token": token["refresh"],
        "token_type": "bearer",
    }


def _revoke(world: World, form: dict[str, str], client_id: str) -> Response:
    token = world.tokens.find(_required(form, "access_token"))
    if token is None or token["client_id"] != client_id:
        raise Refused("invalid_grant", "Token does not belong to the client")
    if not token["device_id"]:
        raise Refused("unsupported_token_type", "Token is not bound to a device")
    world.tokens.revoke(token["access"])
    return json_response({"status": "ok"})


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise Refused("invalid_request", f"{name} not in POST")
    return form[name]


def _info(world: World, request: Request) -> Response:
    kind, _, access = request.header("Authorization").partition(" ")
    token = world.tokens.live(access.strip()) if kind in ("OAuth", "Bearer") else None
    person = world.people.find(token["login"]) if token else None
    if token is None or person is None:
        return json_response({"error": "unauthorized"}, status=401)
    return json_response(profile(person, token["client_id"], set(token["scopes"].split())))
