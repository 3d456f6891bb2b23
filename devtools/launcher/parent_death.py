"""Tie a child process to the life of its parent, so that `kill -9` of the parent leaves nothing.

`die_with_parent` is for a child we start ourselves; `python -m
devtools.launcher.parent_death COMMAND…` is the same for a child that another process runner
starts. Linux only: elsewhere there is no such tie.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

# linux/prctl.h: the signal the kernel sends to this process when its parent thread ends.
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(parting: signal.Signals) -> Callable[[], None]:
    """Make a `preexec_fn`: the child receives `parting` when this process ends in any way."""
    parent = os.getpid()

    def tie() -> None:
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, int(parting), 0, 0, 0)
        # The parent may have ended before the tie was made; then nobody would ever send the signal.
        if os.getppid() != parent:
            os._exit(1)

    return tie


def main(command: list[str]) -> None:
    """Replace this process by `command`, tied to whoever started it."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() == 1:
            raise SystemExit("The process runner is gone; not starting anything.")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
