"""What Python's collector of reference cycles need not visit: the modules of a server."""

from __future__ import annotations

import gc


def freeze_modules() -> None:
    """Take all present objects out of the collector's sight, after one collection.

    A full collection visits every object it knows: with the modules of the product some 100 ms, in
    the middle of a request now and then.
    """
    gc.collect()
    gc.freeze()
