"""Give every pytest run a PostgreSQL and a Valkey of its own, deleted at the end.

Loaded by `-p devtools.launcher.pytest_servers`. Servers named in DATABASE_URL and REDIS_URL are
used as they are. Workers of xdist inherit the addresses; each gets a Valkey database of its own.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from devtools.launcher.embedded_server import EmbeddedServerFailed
from devtools.launcher.test_servers import OWN_VALKEY, set_harmless_values, start_servers


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Run before pytest-django reads the settings, as a wrapper goes ahead of every plain hook."""
    set_harmless_values()
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        _start_servers(early_config)
    elif OWN_VALKEY in os.environ:
        os.environ["REDIS_URL"] = valkey_database(os.environ["REDIS_URL"], worker)
    return (yield)


def valkey_database(url: str, worker: str) -> str:
    """Return the address of the database of one xdist worker: "gw0" has 1, "gw1" has 2, …"""
    number = int(worker.removeprefix("gw")) + 1
    return re.sub(r"/\d+$", f"/{number}", url)


def _start_servers(config: pytest.Config) -> None:
    # SIGTERM cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stack = ExitStack()
    # Runs also if the rest of the start fails.
    config.add_cleanup(stack.close)
    try:
        start_servers(stack)
    except EmbeddedServerFailed as failure:
        raise pytest.UsageError(str(failure)) from None
