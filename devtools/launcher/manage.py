"""`./run manage COMMAND …`: a management command with the settings of the trial that is running."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from devtools.launcher.local_secrets import write_private
from devtools.launcher.run_config import ROOT, data_folder, is_held
from devtools.launcher.start_error import StartError

#: Where `./run` was called, told by the installer, which leaves that folder.
CALLED_FROM = "CALLED_FROM"
ALWAYS_OURS = frozenset({"DJANGO_SETTINGS_MODULE", "PYTHONUNBUFFERED"})


def environment_file(data: Path) -> Path:
    """Return the file that holds the settings while everything is up."""
    return data / "environment.json"


def keep_environment(data: Path, environment: Mapping[str, str]) -> None:
    """Write down the product's own variables; what else the person's shell holds is not ours."""
    ours = {name: value for name, value in environment.items() if _is_ours(name)}
    write_private(environment_file(data), ours)


def become(words: Sequence[str]) -> NoReturn:
    """Go on as `manage.py`, in the folder of the caller. Raises Refusal when nothing runs."""
    environment = _environment_of_running(data_folder(os.environ))
    os.chdir(os.environ.get(CALLED_FROM, "."))
    os.execve(sys.executable, [sys.executable, str(ROOT / "manage.py"), *words], environment)


def _environment_of_running(data: Path) -> dict[str, str]:
    file = environment_file(data)
    # After a kill -9 the file is still there, but nobody holds the folder.
    if not (file.exists() and is_held(data)):
        raise StartError(
            f"Nothing is up with {data}. Start ./run in another terminal and wait until it says"
            " where to go (сначала запустите ./run)."
        )
    kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    foreign = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    return {**foreign, **kept}


def _is_ours(name: str) -> bool:
    return name in ALWAYS_OURS or name.removesuffix("_FILE") in _documented()


def _documented() -> set[str]:
    """Return the names of all variables: the example lists every one."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))
