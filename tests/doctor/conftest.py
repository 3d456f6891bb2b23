"""The sandbox and its accounts."""

from __future__ import annotations

from tests.counters.conftest import _empty_cache, link, okna, sandbox

__all__ = ["_empty_cache", "link", "okna", "sandbox"]
