"""Controls of the accounts and calls: `/_sandbox/callkeeper/…`."""

from __future__ import annotations

from devtools.sandbox.callkeeper import samples
from devtools.sandbox.callkeeper.accounts import time_of
from devtools.sandbox.messages import ApiError, Json, Request
from devtools.sandbox.world import World

Parts = dict[str, str]


def accounts(world: World, request: Request, parts: Parts) -> Json:
    return {"accounts": [dict(one) for one in world.callkeeper.all()]}


def add_account(world: World, request: Request, parts: Parts) -> Json:
    """Create or change an account: ``key``, ``name`` and the options of ``Accounts.add``."""
    options = request.json()
    key, name = str(options.pop("key", "")), str(options.pop("name", ""))
    if not key:
        raise ApiError(400, "missing_parameter", "key is missing", location="key")
    world.callkeeper.add(key, name or key[-4:], **options)
    return {"ok": True}


def remove_account(world: World, request: Request, parts: Parts) -> Json:
    return {"removed": world.callkeeper.remove(parts["key"])}


def add_calls(world: World, request: Request, parts: Parts) -> Json:
    """Add ``calls``, or ``count`` of them between ``since`` and ``until`` with ``fields``."""
    if world.callkeeper.find(parts["key"]) is None:
        raise ApiError(404, "not_found", "No such account")
    calls = samples.many(request.json(), time_of)
    return {"calls": world.callkeeper.add_calls(parts["key"], calls)}


def change_call(world: World, request: Request, parts: Parts) -> Json:
    return {"changed": world.callkeeper.change_call(parts["call"], request.json())}


def remove_call(world: World, request: Request, parts: Parts) -> Json:
    return {"removed": world.callkeeper.remove_call(parts["call"])}


ACCOUNTS = "/callkeeper/accounts"
CALL = r"/callkeeper/calls/(?P<call>[^/]+)"
ROUTES = (
    ("GET", ACCOUNTS, accounts),
    ("POST", ACCOUNTS, add_account),
    ("DELETE", ACCOUNTS + "/(?P<key>[^/]+)", remove_account),
    ("POST", ACCOUNTS + "/(?P<key>[^/]+)/calls", add_calls),
    ("POST", CALL, change_call),
    ("DELETE", CALL, remove_call),
)
