"""Every action that the code writes to the audit trail has a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from dashboard.audit.words import OF_NO_CABINET, WORDS
from tests.paths import ROOT

APPS = (
    *("accounts", "cabinets", "calls", "counters", "dashboard", "doctor", "integrations"),
    "notices",
)
#: A text that may be an action, in a module that writes the trail or names actions.
ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
MODULE = re.compile(r"log_change|\baction\b|\bACTIONS\b")
#: Names of tasks, types of messages and columns in such modules.
NO_ACTIONS = re.compile(r"calls\.|notices\.|[a-z]{1,2}\.")


def texts_of(module: Path) -> Iterator[str]:
    code = module.read_text(encoding="utf-8")
    if MODULE.search(code):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def actions_in_the_code() -> set[str]:
    modules = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    texts = {
        text
        for path in modules
        if "migrations" not in path.parts and path.parent.name != "audit"
        for text in texts_of(path)
    }
    found = {text for text in texts if ACTION.fullmatch(text)}
    return {one for one in found if not NO_ACTIONS.match(one)}


def test_every_action_has_a_sentence() -> None:
    found = actions_in_the_code()

    assert {"counter.switched", "source.created", "upload.retry", "invitation.created"} <= found
    missing = {one for one in found if one not in WORDS and not one.startswith(OF_NO_CABINET)}
    assert missing == set(), "add a sentence to dashboard/audit/words.py"
