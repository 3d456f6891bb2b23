"""Servers and settings of one run: durable servers, no limits of rates, nothing of Yandex."""

from __future__ import annotations

import os
import secrets
import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path

from bench.sink import Sink
from devtools.launcher.embedded import Postgres, Valkey
from devtools.launcher.test_servers import set_harmless_values

#: Over those of the embedded server, for all contenders alike. fsync and synchronous_commit are on.
POSTGRES = (
    "shared_buffers=512MB",
    "max_wal_size=4GB",
    # Tracks nothing but under a profile; see `bench.profiling`.
    "shared_preload_libraries=pg_stat_statements",
)
NO_LIMIT = "1000000000"
SETTINGS = {
    "INGEST_CALLS_PER_MINUTE": NO_LIMIT,
    "INGEST_BYTES_PER_MINUTE": NO_LIMIT,
    "METRIKA_DAILY_REQUESTS": NO_LIMIT,
    "METRIKA_REQUESTS_PER_SECOND": NO_LIMIT,
    "UPLOAD_MIN_WAIT_SECONDS": "0",
    "ATTEMPT_WAIT_SECONDS": "0",
    "LOG_LEVEL": "ERROR",
    "PYTHONWARNINGS": "ignore",
    "ALLOWED_HOSTS": "127.0.0.1",
    "PUBLIC_URL": "http://127.0.0.1:8000",
}


def start(stack: ExitStack) -> None:
    """Start PostgreSQL, Valkey and the sink, and set the environment of Django.

    Raises EmbeddedServerFailed.
    """
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callkeeper-bench-")))
    # Started by root, `./run` has a database of another user in here.
    home.chmod(0o711)
    password = secrets.token_hex(16)
    postgres = Postgres(home / "postgres", password=password)
    postgres.options = POSTGRES
    valkey = Valkey(home / "valkey", password=password, temporary=True)
    sink = Sink()
    for server in (postgres, valkey, sink):
        stack.callback(server.stop)
        server.start()
    os.environ |= {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}
    os.environ |= SETTINGS | {
        "METRIKA_API_URL": sink.url,
        "YANDEX_OAUTH_URL": sink.url,
        "YANDEX_LOGIN_URL": sink.url,
        "INSTALLATION_FILE": str(home / "installation.json"),
        "TMPDIR": str(home),
    }
    tempfile.tempdir = str(home)
    set_harmless_values()
    warnings.simplefilter("ignore")
