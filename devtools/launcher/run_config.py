"""What one `./run` is: where its data are, what its ports are, what its processes are told."""

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
# Any of these says that Yandex, or a stand-in for it, is elsewhere.
YANDEX_ADDRESSES = ("YANDEX_OAUTH_URL", "YANDEX_LOGIN_URL", "METRIKA_API_URL")
# Production gathers calls for minutes; somebody who tries does not want to wait.
TRIAL_PACE = {"UPLOAD_MIN_WAIT_SECONDS": "5", "POLL_SECONDS": "5"}


@dataclass(frozen=True)
class Trial:
    """The choices that the environment leaves or makes."""

    data: Path
    port: int
    sandbox_port: int | None
    given: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where a person goes."""
        return self.given.get("PUBLIC_URL", "").rstrip("/") or f"http://{HOST}:{self.port}"

    @property
    def sandbox_url(self) -> str | None:
        """Where the stand-in for Yandex is; None when Yandex is elsewhere."""
        return f"http://{HOST}:{self.sandbox_port}" if self.sandbox_port else None

    @property
    def brings_database(self) -> bool:
        """Whether PostgreSQL is ours to start."""
        return not is_set(self.given, "DATABASE_URL")

    @property
    def brings_broker(self) -> bool:
        """Whether Valkey is ours to start."""
        return not is_set(self.given, "REDIS_URL")

    @property
    def wants_demo_data(self) -> bool:
        """Whether the cabinet shall look alive; invented calls are for the sandbox only."""
        word = self.given.get("DEMO_DATA", "1").strip().lower()
        return self.sandbox_port is not None and word not in ("0", "no", "off", "false")

    @property
    def ready_file(self) -> Path:
        """The file that exists while everything is up."""
        return self.data / "ready.json"

    def environment(self, kept: Mapping[str, str], servers: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of every process: ours where the person gave nothing."""
        ours = {
            "DJANGO_SETTINGS_MODULE": "devtools.settings",
            "SECRET_KEY": kept["SECRET_KEY"],
            "SEALING_KEYS": kept["SEALING_KEYS"],
            "YANDEX_CLIENT_ID": kept["YANDEX_CLIENT_ID"],
            "YANDEX_CLIENT_SECRET": kept["YANDEX_CLIENT_SECRET"],
            "PUBLIC_URL": self.url,
            "ALLOWED_HOSTS": f"localhost,{HOST},[::1]",
            "STATIC_ROOT": str(self.data / "static"),
            "PYTHONUNBUFFERED": "1",
            "COMPRESS_STATIC": "0",  # seven seconds of work for a browser on this machine
            **TRIAL_PACE,
            **servers,
        }
        if self.sandbox_url:
            ours |= dict.fromkeys((*YANDEX_ADDRESSES, "METRIKA_WEB_URL"), self.sandbox_url)
            # Beside the form, and only where everything is invented.
            ours["DEMO_LOGIN_HINT"] = f"{USERNAME} / {kept['SIGN_IN_PASSWORD']}"
        missing = {name: value for name, value in ours.items() if not is_set(self.given, name)}
        complete = {**self.given, **missing}
        for name in ("CLIENT_ID", "CLIENT_SECRET"):
            # The sandbox knows one application: the one we say we are.
            complete[f"SANDBOX_{name}"] = value_of(complete, f"YANDEX_{name}")
        return complete


def is_set(environment: Mapping[str, str], name: str) -> bool:
    """Whether the person gave `name`, directly or as a file (`NAME_FILE`)."""
    return bool(environment.get(name, "").strip() or environment.get(f"{name}_FILE", "").strip())


def value_of(environment: Mapping[str, str], name: str) -> str:
    """Return `name`, or the contents of the file that `NAME_FILE` points at."""
    file = environment.get(f"{name}_FILE", "").strip()
    return Path(file).read_text(encoding="utf-8").strip() if file else environment[name].strip()


def plan_trial(environment: Mapping[str, str]) -> Trial:
    """Read the choices; raise Refusal for a port that is no port, or taken."""
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
    return Trial(data_folder(environment), port, sandbox_port, dict(environment))


def data_folder(environment: Mapping[str, str]) -> Path:
    """Return where everything of a trial is kept."""
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
    """Return the first free port from `wanted` on: the same one at every start, if possible."""
    for port in range(wanted, min(wanted + 100, 65536)):
        if is_free(port):
            return port
    raise StartError(f"No free port from {wanted} on for the sandbox.")


def take_folder(data: Path) -> int:
    """Make the data folder and hold it until this process ends; raise Refusal if it is held."""
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


def is_held(data: Path) -> bool:
    """Whether a `./run` is at work with the data folder."""
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
