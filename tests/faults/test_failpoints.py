"""The failpoint listener can be set only in test processes, never by a setting or a variable."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from calls.runtime import failpoints
from tests.paths import ROOT

NAMES = ("KILL_AT", "MOMENTS_LISTENER", "CALLS_MOMENTS_LISTENER", "CHAOS", "FAULTS")
QUESTION = "from calls.runtime import failpoints; print('listener', failpoints.listener)"


def test_failpoint_listener_is_not_set_in_this_process() -> None:
    assert failpoints.listener is None

    failpoints.failpoint("after_claim")


@pytest.mark.contract("B4")
def test_no_environment_variable_sets_the_failpoint_listener() -> None:
    environment = {**os.environ, **dict.fromkeys(NAMES, "after_claim")}

    answer = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", QUESTION],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.strip() == "listener None"


def test_no_product_module_assigns_the_failpoint_listener() -> None:
    sources = [
        path
        for folder in (
            "accounts",
            "calls",
            "cabinets",
            "counters",
            "integrations",
            "callkeeper_metrika",
            "dashboard",
            "notices",
            "devtools",
        )
        for path in (ROOT / folder).rglob("*.py")
    ]

    assignment = re.compile(r"^listener\b.*=|\bfailpoints\.listener\b.*=[^=]", re.MULTILINE)
    assigning = [
        path.name for path in sources if assignment.search(path.read_text(encoding="utf-8"))
    ]

    assert assigning == ["failpoints.py"]
