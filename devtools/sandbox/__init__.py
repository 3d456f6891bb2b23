"""A stand-in for Yandex (OAuth, profile, Metrika) and for CallKeeper's calls API, on one port.

Standard library only; it shares no code with the product, so that a misunderstanding of a vendor's
documentation is not in both (ADR 0031). Run it with ``python -m devtools.sandbox`` or, in tests,
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
