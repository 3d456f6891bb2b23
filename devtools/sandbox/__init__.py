"""A stand-in for Yandex: OAuth, profile and Metrika on one port, standard library only.

It shares no code with the product, so that a misunderstanding of the vendor's documentation is not
in both (ADR 0031). Run it with ``python -m devtools.sandbox`` or, in tests,
:func:`start_sandbox`.
"""

from __future__ import annotations

from typing import Any

from .options import Options
from .server import RunningSandbox

__all__ = ["Options", "RunningSandbox", "start_sandbox"]


def start_sandbox(**options: Any) -> RunningSandbox:
    """Start a sandbox in a thread, on a free port unless one is given; see :class:`Options`."""
    return RunningSandbox(Options(**options))
