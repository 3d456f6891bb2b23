"""Uploaded files of calls, and what the sandbox made of them."""

from __future__ import annotations

import time
from typing import Any

from tests.devtools.sandbox.actor import COUNTER, Actor, control, offline

HEADER = "ClientId,DateTime,StaticCall,PhoneNumber,TalkDuration,CallMissed,Tag,CallTrackerURL\n"


def moment(seconds_ago: int = 60) -> int:
    return int(time.time()) - seconds_ago


def line(client_id: str = "1718031415926535897", *, tag: str = "", static: int = 0) -> str:
    return f"{client_id},{moment()},{static},+79161234567,184,0,{tag},https://ct.example/1\n"


def held(actor: Actor, channel: str = "calls") -> list[dict[str, Any]]:
    found = control(actor.sandbox, f"rows?counter={COUNTER}&channel={channel}")
    rows: list[dict[str, Any]] = found["rows"]
    return rows


def errors(answer: Any) -> str:
    return str(answer.json()["errors"][0]["error_type"])


def statuses(actor: Actor) -> list[str]:
    listed = actor.get(offline("calls_uploadings"))["uploadings"]
    return [uploading["status"] for uploading in listed]
