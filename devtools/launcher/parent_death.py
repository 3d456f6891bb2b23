"""Make a child process end when its parent does, even by `kill -9` (PR_SET_PDEATHSIG).

`die_with_parent` is for children of this process; `python -m devtools.launcher.parent_death
COMMAND…` is for a child of another process runner. Linux only: elsewhere it does nothing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

# linux/prctl.h: the signal the kernel sends to this process when its parent thread ends.
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn`: the child receives `stop_signal` when this process ends in any way."""
    parent = os.getpid()

    def set_death_signal() -> None:
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        # If the parent ended before the call, the signal is never sent.
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal


def set_process_name(name: str) -> None:
    """Set the name of this process, as `ps -e` shows it; the kernel keeps 15 bytes."""
    if _libc is not None:
        _libc.prctl(PR_SET_NAME, name.encode(), 0, 0, 0)


def main(command: list[str]) -> None:
    """Replace this process by `command`, which ends with the parent of this process."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() == 1:
            raise SystemExit("The process runner is gone; not starting anything.")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
