"""Create the virtual environment, then replace this process by the launcher inside it.

Run by the system's Python, so it uses only the standard library. After an installation a stamp file
is written, and later starts need no network.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PRODUCT = ("requirements.txt", "requirements-embedded.txt")
# For each command: its requirement files, and the module to run.
COMMANDS = {
    "run": (PRODUCT, "devtools.launcher"),
    # The same packages as for ./run, so that either makes the environment of both.
    "bench/run": (PRODUCT, "bench"),
    "test": ((*PRODUCT, "requirements-dev.txt"), "devtools.launcher.checks"),
}
#: Commands with the packages, and so the stamp, of another one.
STAMPS = {"bench/run": "run"}
# The versions that were tested together; CONTRIBUTING.md says how to renew them.
CONSTRAINTS = "constraints.txt"
UV = "uv>=0.13,<1"
# pip's settings of package indexes and their uv variables: uv does not read pip's configuration.
UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
}


class InstallationFailed(Exception):
    """The environment cannot be created; the text is a sentence for the person at the terminal."""


def main(command: str, arguments: Sequence[str]) -> None:
    """Install what `command` needs, unless already done, and replace this process by it."""
    files, module = COMMANDS[command]
    try:
        prepare(command, files)
    except InstallationFailed as failure:
        raise SystemExit(f"./{command}: {failure}") from None
    except KeyboardInterrupt:
        raise SystemExit(f"./{command}: stopped while installing.") from None
    if "DATA_DIR" in os.environ:
        os.environ["DATA_DIR"] = os.path.abspath(os.environ["DATA_DIR"])
    os.environ["CALLED_FROM"] = os.getcwd()
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", module, *arguments])


def prepare(command: str, files: Sequence[str]) -> None:
    """Install the requirement files, holding a lock on the project folder."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        stamp = VENV / f".installed-for-{STAMPS.get(command, command)}"
        if PYTHON.exists() and stamp.exists() and stamp.read_text() == fingerprint(files):
            return
        _check_platform()
        _install(files)
        stamp.write_text(fingerprint(files))
    except OSError as problem:
        raise InstallationFailed(
            f"cannot write to {problem.filename or ROOT}: {problem.strerror}."
            " Copy the project to a folder of your own."
        ) from None
    finally:
        os.close(folder)


def fingerprint(files: Sequence[str]) -> str:
    """Return a hash of the requirement files, the constraints and the Python version."""
    digest = hashlib.sha256(sys.version.encode())
    for name in (*files, CONSTRAINTS):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _check_platform() -> None:
    if sys.platform not in ("linux", "darwin"):
        raise InstallationFailed(f"does not work on {sys.platform}; use WSL or docker compose.")
    if sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
        raise InstallationFailed(
            "the embedded servers have no build for musl (Alpine); use docker compose."
        )


def _install(files: Sequence[str]) -> None:
    began = time.monotonic()
    _say("First start, or the requirements have changed: installing (about a minute).")
    if not _works(PYTHON):
        _say(f"  Python environment in {VENV.name}/ …")
        _make_environment()
    _say(f"  Packages of {', '.join(files)} …")
    ranges = [word for name in files for word in ("-r", str(ROOT / name))]
    pinned = [*ranges, "-c", str(ROOT / CONSTRAINTS)]
    if not (
        _uv_install(pinned)
        or _pip_install(pinned, "Trying again with pip …")
        or _pip_install(
            ranges, f"Once more, with any versions the ranges allow: not {CONSTRAINTS} …"
        )
    ):
        raise InstallationFailed(
            "the packages could not be installed; the lines above say why. Is the network there?"
            " Не удалось установить пакеты."
        )
    _say(f"  Installed in {time.monotonic() - began:.0f} s.")


def _works(python: Path) -> bool:
    return python.exists() and _succeeds(
        [python, "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    )


def _make_environment() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    if _succeeds([sys.executable, "-m", "venv", VENV]):
        return
    # Debian packages ensurepip separately; an outer pip can install into the environment instead.
    bare: list[str | Path] = [sys.executable, "-m", "venv", "--clear", "--without-pip", VENV]
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        PYTHON,
        "install",
        "--quiet",
        "pip",
    ]
    if not (_succeeds(bare) and _succeeds(pip)):
        shutil.rmtree(VENV, ignore_errors=True)
        raise InstallationFailed(
            "Python here cannot make virtual environments;"
            " install python3-venv (Debian, Ubuntu: apt install python3-venv python3-pip)."
        )


def _uv_install(words: Sequence[str]) -> bool:
    """Install with uv; False if that failed or uv itself could not be installed."""
    if not _succeeds(
        [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV]
    ):
        return False
    command = [PYTHON, "-m", "uv", "pip", "install", "--quiet", "--python", PYTHON, *words]
    return _shows([str(word) for word in command], {**_pip_settings_for_uv(), **os.environ})


def _pip_install(words: Sequence[str], sentence: str) -> bool:
    _say(f"  {sentence}")
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return _shows([*command, *words], os.environ)


def _pip_settings_for_uv() -> dict[str, str]:
    answer = subprocess.run(
        [PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    settings: dict[str, str] = {}
    for line in answer.stdout.splitlines():
        name, _, value = line.partition("=")
        variable = UV_VARIABLES.get(name.rpartition(".")[2])
        if variable:
            settings[variable] = value.strip("'\"").replace("\\n", " ")
            # As pip does: the best version of all indexes, not of the first that has the package.
            settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


def _succeeds(command: Sequence[str | Path]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _shows(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    return subprocess.run(command, env=environment, check=False).returncode == 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
