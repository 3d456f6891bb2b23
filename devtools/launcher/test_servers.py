"""Temporary servers and settings for one run of the tests."""

from __future__ import annotations

import base64
import os
import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path

from devtools.launcher.embedded import Postgres, Valkey

# Port 9 ("discard") refuses connections: a test without a stand-in fails at once.
NOWHERE = "http://127.0.0.1:9"
HARMLESS = {
    "DJANGO_SETTINGS_MODULE": "devtools.settings",
    "SECRET_KEY": "only-for-tests-" + "0123456789" * 5,
    "SEALING_KEYS": base64.urlsafe_b64encode(b"only-for-tests".ljust(32, b".")).decode(),
    # No manifest of hashed names, so that collectstatic is not needed.
    "PLAIN_STATIC": "1",
    # A number: a minimal system may not resolve localhost.
    "DJANGO_LIVE_TEST_SERVER_ADDRESS": "127.0.0.1",
    "YANDEX_CLIENT_ID": "test-client-id",
    "YANDEX_CLIENT_SECRET": "test-client-secret",
    "YANDEX_OPTIONAL_SCOPES": "metrika:write",
    "YANDEX_OAUTH_URL": NOWHERE,
    "YANDEX_LOGIN_URL": NOWHERE,
    "METRIKA_API_URL": NOWHERE,
    "CALLKEEPER_API_URL": NOWHERE,
}
# Set when PostgreSQL was started here, so that databases may be left in it.
OWN_POSTGRES = "CALLKEEPER_TESTS_OWN_POSTGRES"
# Set when Valkey was started here, so that xdist workers may use its other databases.
OWN_VALKEY = "CALLKEEPER_TESTS_OWN_VALKEY"


def set_harmless_values() -> None:
    """Set every required setting that is not set, to a value without effect."""
    for name, value in HARMLESS.items():
        os.environ.setdefault(name, value)


def start_servers(stack: ExitStack) -> None:
    """Start PostgreSQL and Valkey unless DATABASE_URL and REDIS_URL name them; `stack` stops them.

    Raises EmbeddedServerFailed.
    """
    # First in, last out: the servers stop before their folder is deleted.
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callkeeper-tests-")))
    password = secrets.token_hex(16)
    if "DATABASE_URL" not in os.environ:
        postgres = Postgres(home / "postgres", password=password, temporary=True)
        stack.callback(postgres.stop)
        postgres.start()
        os.environ["DATABASE_URL"] = postgres.url
        os.environ[OWN_POSTGRES] = "yes"
    if "REDIS_URL" not in os.environ:
        valkey = Valkey(home / "valkey", password=password, temporary=True)
        stack.callback(valkey.stop)
        valkey.start()
        os.environ["REDIS_URL"] = valkey.url
        os.environ[OWN_VALKEY] = "yes"
