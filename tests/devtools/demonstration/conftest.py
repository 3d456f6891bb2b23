"""The sandbox and the linked counter of the tests of delivery."""

from __future__ import annotations

from tests.calls.conftest import linked_counter, metrika, sandbox

__all__ = ["linked_counter", "metrika", "sandbox"]
