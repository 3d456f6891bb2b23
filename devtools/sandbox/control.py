"""The control API, ``/_sandbox/…``: JSON without authentication, for tests and local tools."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import ledger, log_control, scenarios
from .callkeeper import control as callkeeper
from .messages import ApiError, Json, Request, Response, json_response
from .world import World

Parts = dict[str, str]
Action = Callable[[World, Request, Parts], Json]


def answer(world: World, request: Request) -> Response:
    path = request.path.removeprefix("/_sandbox")
    for method, pattern, action in ROUTES:
        match = re.fullmatch(pattern, path)
        if match and method == request.method:
            return json_response(_run(action, world, request, match.groupdict()))
    raise ApiError(404, "not_found", "No such control")


def _run(action: Action, world: World, request: Request, parts: Parts) -> Json:
    """Run the action; a value of the wrong type in the body is a 400, not a 503."""
    try:
        return action(world, request, parts)
    except (TypeError, ValueError) as error:
        raise ApiError(400, "invalid_parameter", str(error)) from None


def _health(world: World, request: Request, parts: Parts) -> Json:
    return {"status": "ok", "scenario": world.scenario, "now": world.clock.now()}


def _clock(world: World, request: Request, parts: Parts) -> Json:
    return {"now": world.clock.now(), "offset_seconds": world.clock.offset}


def _advance_clock(world: World, request: Request, parts: Parts) -> Json:
    world.clock.advance(float(_required(request.json(), "advance_seconds")))
    return _clock(world, request, parts)


def _people(world: World, request: Request, parts: Parts) -> Json:
    return {"people": [_person(world, dict(person)) for person in world.people.all()]}


def _person(world: World, person: Json) -> Json:
    seen = world.counters.seen_by(person["login"])
    names = ("id", "name", "site", "status", "permission", "owner_login")
    person["counters"] = [{name: counter[name] for name in names} for counter in seen]
    return person


def _change_counter(world: World, request: Request, parts: Parts) -> Json:
    """Set the person's ``permission``; every other key changes the counter."""
    number, changes = int(parts["counter"]), request.json()
    if world.counters.find(number) is None:
        raise ApiError(404, "not_found", "Counter not found")
    if "permission" in changes:
        world.counters.set_right(number, _login(world, parts), changes.pop("permission") or "none")
    world.counters.change(number, changes)
    return {"ok": True}


def _add_counters(world: World, request: Request, parts: Parts) -> Json:
    """Create ``count`` counters, owned by the person or by ``owner`` with ``permission``."""
    body, login = request.json(), _login(world, parts)
    owner, permission = body.get("owner", login), body.get("permission", "own")
    numbers = []
    for ordinal in range(1, int(body.get("count", 1)) + 1):
        number = world.counters.free_number()
        name = f"{body.get('name', 'Счетчик')} {ordinal}"
        world.counters.add(number, name, body.get("site", f"site-{number}.example"), owner)
        world.counters.set_right(number, login, permission)
        numbers.append(number)
    return {"counters": numbers}


def _expire_tokens(world: World, request: Request, parts: Parts) -> Json:
    return {"expired": world.tokens.expire_all(_login(world, parts))}


def _revoke_tokens(world: World, request: Request, parts: Parts) -> Json:
    return {"revoked": world.tokens.revoke_all(_login(world, parts))}


def _add_goal(world: World, request: Request, parts: Parts) -> Json:
    """Create a goal: ``counter``, ``name``, ``identifier`` and, unless ``action``, ``type``."""
    body = request.json()
    number, name = int(_required(body, "counter")), str(_required(body, "name"))
    if world.counters.find(number) is None:
        raise ApiError(404, "not_found", "Counter not found")
    kind, identifier = str(body.get("type", "action")), str(body.get("identifier", name))
    return {"goal": world.goals.add_plain(number, name, kind, identifier)}


def _goal_limit(world: World, request: Request, parts: Parts) -> Json:
    """Set how many goals a counter may have: ``goals``."""
    world.goals.limit = int(_required(request.json(), "goals"))
    return {"goals": world.goals.limit}


def _rows(world: World, request: Request, parts: Parts) -> Json:
    return ledger.rows(
        world.store,
        counter=request.number("counter", 0),
        channel=request.param("channel"),
        limit=request.number("limit", 1000),
        offset=request.number("offset", 0),
    )


def _held(world: World, request: Request, parts: Parts) -> Json:
    return ledger.held(
        world.store, after=request.number("after", 0), limit=request.number("limit", 1000)
    )


def _ledger(world: World, request: Request, parts: Parts) -> Json:
    return {"ledger": ledger.summary(world.store)}


def _requests(world: World, request: Request, parts: Parts) -> Json:
    return world.journal.report(request.number("last", 100))


def _clear_requests(world: World, request: Request, parts: Parts) -> Json:
    """Reset counts and peaks; running requests stay counted."""
    world.journal.clear()
    return world.journal.report(0)


def _add_fault(world: World, request: Request, parts: Parts) -> Json:
    return {"fault": world.faults.add(request.json())}


def _faults(world: World, request: Request, parts: Parts) -> Json:
    return {"faults": world.faults.all()}


def _clear_faults(world: World, request: Request, parts: Parts) -> Json:
    world.faults.clear()
    return _faults(world, request, parts)


def _quotas(world: World, request: Request, parts: Parts) -> Json:
    return world.quotas.limits()


def _set_quotas(world: World, request: Request, parts: Parts) -> Json:
    world.quotas.set_limits(request.json())
    return world.quotas.limits()


def _scenario(world: World, request: Request, parts: Parts) -> Json:
    scenarios.load(world, str(_required(request.json(), "name")))
    return {"scenario": world.scenario}


def _reset(world: World, request: Request, parts: Parts) -> Json:
    scenarios.load(world, world.options.scenario)
    return {"scenario": world.scenario}


def _required(content: Json, name: str) -> Any:
    if name not in content:
        raise ApiError(400, "missing_parameter", f"{name} is missing", location=name)
    return content[name]


def _login(world: World, parts: Parts) -> str:
    if world.people.find(parts["login"]) is None:
        raise ApiError(404, "not_found", "No such person")
    return parts["login"]


PERSON = r"/people/(?P<login>[^/]+)"
ROUTES: tuple[tuple[str, str, Action], ...] = (
    ("GET", "/health", _health),
    ("GET", "/clock", _clock),
    ("POST", "/clock", _advance_clock),
    ("GET", "/people", _people),
    ("POST", PERSON + r"/counters/(?P<counter>[0-9]+)", _change_counter),
    ("POST", PERSON + "/counters", _add_counters),
    ("POST", PERSON + "/expire-tokens", _expire_tokens),
    ("POST", PERSON + "/revoke-tokens", _revoke_tokens),
    ("POST", "/goals", _add_goal),
    ("POST", "/goal-limit", _goal_limit),
    ("GET", "/rows", _rows),
    ("GET", "/held", _held),
    ("GET", "/ledger", _ledger),
    ("GET", "/requests", _requests),
    ("DELETE", "/requests", _clear_requests),
    ("GET", "/faults", _faults),
    ("POST", "/faults", _add_fault),
    ("DELETE", "/faults", _clear_faults),
    ("GET", "/quotas", _quotas),
    ("POST", "/quotas", _set_quotas),
    ("POST", "/scenario", _scenario),
    ("POST", "/reset", _reset),
    *log_control.ROUTES,
    *callkeeper.ROUTES,
)
