"""`./run manage COMMAND …`: a management command with the settings of the running `./run`."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from devtools.launcher.local_secrets import write_private
from devtools.launcher.run_config import ROOT, data_folder, is_locked
from devtools.launcher.start_error import StartError

#: Variable with the folder `./run` was called in; the installer sets it before it leaves it.
CALLED_FROM = "CALLED_FROM"
ALWAYS_SAVED = frozenset({"DJANGO_SETTINGS_MODULE", "PYTHONUNBUFFERED"})


def environment_file(data: Path) -> Path:
    """Return the file that holds the settings while everything runs."""
    return data / "environment.json"


def save_environment(data: Path, environment: Mapping[str, str]) -> None:
    """Save the product's variables, without the other variables of the shell."""
    ours = {name: value for name, value in environment.items() if _is_ours(name)}
    write_private(environment_file(data), ours)


def exec_command(words: Sequence[str]) -> NoReturn:
    """Replace this process by `manage.py`, in the caller's folder. Raises StartError if not up."""
    environment = _environment_of_running(data_folder(os.environ))
    os.chdir(os.environ.get(CALLED_FROM, "."))
    os.execve(sys.executable, [sys.executable, str(ROOT / "manage.py"), *words], environment)


def _environment_of_running(data: Path) -> dict[str, str]:
    file = environment_file(data)
    # After kill -9 the file is left, but the folder is not locked.
    if not (file.exists() and is_locked(data)):
        raise StartError(
            f"Nothing is up with {data}. Start ./run in another terminal and wait until it says"
            " where to go (сначала запустите ./run)."
        )
    kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    foreign = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    return {**foreign, **kept}


def _is_ours(name: str) -> bool:
    # A secret may come from a file, NAME_FILE; INSTALLATION_FILE is a variable of its own.
    return name in ALWAYS_SAVED or not {name, name.removesuffix("_FILE")}.isdisjoint(_documented())


def _documented() -> set[str]:
    """Return the names of all variables, which .env.example lists."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))
