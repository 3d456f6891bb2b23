"""Configuration of one `./run`: data folder, ports, environment of its processes."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devtools.launcher.start_error import StartError

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DATA = ROOT / ".data"
HOST = "127.0.0.1"
DEFAULT_PORT = 8000
USERNAME = "demo"
# If any of these is set, Yandex or a stand-in runs elsewhere, and no sandbox is started.
YANDEX_ADDRESSES = ("YANDEX_OAUTH_URL", "YANDEX_LOGIN_URL", "METRIKA_API_URL")
# Seconds instead of production's minutes, so that a first call is delivered at once.
SHORT_WAITS = {"UPLOAD_MIN_WAIT_SECONDS": "5", "POLL_SECONDS": "5"}


@dataclass(frozen=True)
class RunConfig:
    """What the environment sets, completed by defaults."""

    data: Path
    port: int
    sandbox_port: int | None
    given: Mapping[str, str]

    @property
    def url(self) -> str:
        """Address of the web server, without the path."""
        return self.given.get("PUBLIC_URL", "").rstrip("/") or f"http://{HOST}:{self.port}"

    @property
    def sandbox_url(self) -> str | None:
        """Address of the sandbox; None if it is not started."""
        return f"http://{HOST}:{self.sandbox_port}" if self.sandbox_port else None

    @property
    def starts_database(self) -> bool:
        """Whether to start PostgreSQL."""
        return not is_set(self.given, "DATABASE_URL")

    @property
    def starts_broker(self) -> bool:
        """Whether to start Valkey."""
        return not is_set(self.given, "REDIS_URL")

    @property
    def wants_demo_data(self) -> bool:
        """Whether to seed demonstration data: never without the sandbox."""
        word = self.given.get("DEMO_DATA", "1").strip().lower()
        return self.sandbox_port is not None and word not in ("0", "no", "off", "false")

    @property
    def ready_file(self) -> Path:
        """The file that exists while everything runs."""
        return self.data / "ready.json"

    def environment(self, kept: Mapping[str, str], servers: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of every process: `given`, completed by our values."""
        ours = {
            "DJANGO_SETTINGS_MODULE": "devtools.settings",
            "SECRET_KEY": kept["SECRET_KEY"],
            "SEALING_KEYS": kept["SEALING_KEYS"],
            "YANDEX_CLIENT_ID": kept["YANDEX_CLIENT_ID"],
            "YANDEX_CLIENT_SECRET": kept["YANDEX_CLIENT_SECRET"],
            "PUBLIC_URL": self.url,
            "ALLOWED_HOSTS": f"localhost,{HOST},[::1]",
            "STATIC_ROOT": str(self.data / "static"),
            # Beside the database it belongs to: two data folders are two installations.
            "INSTALLATION_FILE": str(self.data / "installation.json"),
            "PYTHONUNBUFFERED": "1",
            "COMPRESS_STATIC": "0",  # gzip only: Brotli takes seven seconds
            **SHORT_WAITS,
            **servers,
        }
        if self.sandbox_url:
            ours |= dict.fromkeys((*YANDEX_ADDRESSES, "METRIKA_WEB_URL"), self.sandbox_url)
            ours["CALLKEEPER_API_URL"] = f"{self.sandbox_url}/api/"
            ours["YANDEX_OPTIONAL_SCOPES"] = "metrika:write"  # which the sandbox's application has
            # Shown at the sign-in form; only with the sandbox, where all data are invented.
            ours["DEMO_LOGIN_HINT"] = f"{USERNAME} / {kept['SIGN_IN_PASSWORD']}"
        missing = {name: value for name, value in ours.items() if not is_set(self.given, name)}
        complete = {**self.given, **missing}
        for name in ("CLIENT_ID", "CLIENT_SECRET"):
            # The sandbox accepts one application: ours.
            complete[f"SANDBOX_{name}"] = value_of(complete, f"YANDEX_{name}")
        return complete


def is_set(environment: Mapping[str, str], name: str) -> bool:
    """Whether `name` is set, directly or as a file (`NAME_FILE`)."""
    return bool(environment.get(name, "").strip() or environment.get(f"{name}_FILE", "").strip())


def value_of(environment: Mapping[str, str], name: str) -> str:
    """Return `name`, or the contents of the file that `NAME_FILE` points at."""
    file = environment.get(f"{name}_FILE", "").strip()
    return Path(file).read_text(encoding="utf-8").strip() if file else environment[name].strip()


def read_run_config(environment: Mapping[str, str]) -> RunConfig:
    """Read the environment. Raises StartError for a PORT that is invalid or taken."""
    word = environment.get("PORT", "").strip() or str(DEFAULT_PORT)
    if not (word.isdigit() and 0 < int(word) < 65536):
        raise StartError(f"PORT must be a number from 1 to 65535, not {word!r}.")
    port = int(word)
    if not is_free(port):
        raise StartError(
            f"Port {port} is taken by another program. Choose another: PORT={port + 10} ./run"
            f" (порт {port} занят)."
        )
    elsewhere = any(is_set(environment, name) for name in YANDEX_ADDRESSES)
    sandbox_port = None if elsewhere else next_free_port(port + 1)
    return RunConfig(data_folder(environment), port, sandbox_port, dict(environment))


def data_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder with everything that `./run` stores."""
    return Path(environment.get("DATA_DIR", "").strip() or DEFAULT_DATA).absolute()


def is_free(port: int) -> bool:
    """Whether a server could listen at `port` now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as problem:
            if problem.errno == errno.EACCES:
                raise StartError(
                    f"Port {port} needs the rights of root; choose one above 1023."
                ) from None
            return False
        return True


def next_free_port(wanted: int) -> int:
    """Return the first free port from `wanted` on, so that it is usually the same."""
    for port in range(wanted, min(wanted + 100, 65536)):
        if is_free(port):
            return port
    raise StartError(f"No free port from {wanted} on for the sandbox.")


def lock_data_folder(data: Path) -> int:
    """Create and lock the data folder until this process ends. Raises StartError if locked."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / "logs").mkdir(exist_ok=True)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise StartError(
            f"The data folder {data} cannot be written: {problem.strerror}."
            " Name another: DATA_DIR=/some/folder ./run (в папку нельзя записать)."
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StartError(
            f"Another ./run is at work with {data}. Stop it, or name another DATA_DIR"
            " (другой ./run уже работает с этой папкой)."
        ) from None
    return descriptor


def is_locked(data: Path) -> bool:
    """Whether a `./run` has the data folder locked."""
    try:
        descriptor = os.open(data / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
