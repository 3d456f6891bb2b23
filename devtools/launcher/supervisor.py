"""supervisord whose Python programs are forks of itself, with the modules it has imported.

Everything else is supervisord's: logs, restarts, stop signals. `python -m` of this module takes
the arguments of supervisord.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from supervisor import supervisord
from supervisor.options import ServerOptions

from devtools.launcher.parent_death import die_with_parent
from devtools.launcher.poller import FirstPollAtOnce
from devtools.launcher.python_process import CAN_FORK, run_here

#: A program with this prefix ends with supervisord; here the prefix is not run, only obeyed.
WITH_PARENT = (sys.executable, "-m", "devtools.launcher.parent_death", sys.executable)


class ForkingOptions(ServerOptions):  # type: ignore[misc]  # no types are published
    """Options whose `execve` runs a Python program in the process that was forked for it."""

    poller: Any

    def __init__(self) -> None:
        super().__init__()
        self.set_death_signal = die_with_parent(signal.SIGTERM)
        self.poller = FirstPollAtOnce(self.poller)

    def execve(self, filename: str, argv: Sequence[str], env: Mapping[str, str]) -> Any:
        """Replace the forked child by the program; never return."""
        if CAN_FORK and tuple(argv[: len(WITH_PARENT)]) == WITH_PARENT:
            self.set_death_signal()
            name = env["SUPERVISOR_PROCESS_NAME"]
            run_here(argv[len(WITH_PARENT) :], env, name=name)
        return super().execve(filename, argv, env)


def main(words: Sequence[str]) -> None:
    """Run supervisord until it is stopped."""
    supervisord.ServerOptions = ForkingOptions
    supervisord.main(list(words))


if __name__ == "__main__":
    main(sys.argv[1:])
