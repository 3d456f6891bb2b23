"""Which run of `after_restore` this machine has begun, for a database that has no marks.

Kept outside of the database: a dump may have been taken in the middle of a run, and what that run
has read on another machine is of no use here.
"""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings

from calls.models import RestoreRun

logger = logging.getLogger(__name__)


def belongs_to(run: RestoreRun) -> bool:
    """Whether this machine has begun the run."""
    try:
        return _path().read_text(encoding="utf-8") == _text(run)
    except (OSError, ValueError):
        return False


def write(run: RestoreRun) -> None:
    """Note the run. Without the note it is begun anew after a kill, with the whole grace."""
    try:
        _path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _path().write_text(_text(run), encoding="utf-8")
    except OSError as problem:
        logger.warning("the run cannot be continued after a kill: %s", problem)


def remove() -> None:
    """Forget the run: it has come to its end."""
    try:
        _path().unlink(missing_ok=True)
    except OSError as problem:
        logger.warning("the note of the run stays: %s", problem)


def _path() -> Path:
    return Path(settings.INSTALLATION_FILE).with_name("after_restore")


def _text(run: RestoreRun) -> str:
    return f"{run.pk} {run.started_at.isoformat()}"
