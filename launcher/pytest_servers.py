"""Give every pytest run a PostgreSQL and a Valkey of its own, thrown away at the end.

Loaded by `-p launcher.pytest_servers`. Servers named in DATABASE_URL and REDIS_URL are used as they
are. Workers of xdist inherit the addresses; each gets a Valkey database of its own.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from launcher.embedded import EmbeddedServerFailed, Postgres, Valkey

# Nobody answers at port 9 ("discard"): a test that forgets its stand-in fails, and quickly.
NOWHERE = "http://127.0.0.1:9"
HARMLESS = {
    "DJANGO_SETTINGS_MODULE": "callkeeper_metrika.settings",
    "SECRET_KEY": "only-for-tests-" + "0123456789" * 5,
    "SEALING_KEYS": base64.urlsafe_b64encode(b"only-for-tests".ljust(32, b".")).decode(),
    # Without a manifest of hashed names, so that nothing has to be collected first.
    "PLAIN_STATIC": "1",
    "YANDEX_CLIENT_ID": "test-client-id",
    "YANDEX_CLIENT_SECRET": "test-client-secret",
    "YANDEX_OAUTH_URL": NOWHERE,
    "YANDEX_LOGIN_URL": NOWHERE,
    "METRIKA_API_URL": NOWHERE,
    "CALLKEEPER_API_URL": NOWHERE,
}
OWN_VALKEY = "CALLKEEPER_TESTS_OWN_VALKEY"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Run before pytest-django reads the settings, as a wrapper goes ahead of every plain hook."""
    for name, value in HARMLESS.items():
        os.environ.setdefault(name, value)
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
    servers = ExitStack()
    # Runs whatever happens next, also when the rest of the start fails. Last in, first out: the
    # servers stop before their folder is deleted.
    config.add_cleanup(servers.close)
    home = Path(servers.enter_context(tempfile.TemporaryDirectory(prefix="callkeeper-tests-")))
    password = secrets.token_hex(16)
    try:
        if "DATABASE_URL" not in os.environ:
            postgres = Postgres(home / "postgres", password=password, throwaway=True)
            servers.callback(postgres.stop)
            postgres.start()
            os.environ["DATABASE_URL"] = postgres.url
        if "REDIS_URL" not in os.environ:
            valkey = Valkey(home / "valkey", password=password, throwaway=True)
            servers.callback(valkey.stop)
            valkey.start()
            os.environ["REDIS_URL"] = valkey.url
            os.environ[OWN_VALKEY] = "yes"
    except EmbeddedServerFailed as failure:
        raise pytest.UsageError(str(failure)) from None
