"""Fixtures of the tests of delivery: the sandbox, a linked counter."""

from __future__ import annotations

from tests.calls.conftest import linked_counter, metrika, sandbox

__all__ = ["linked_counter", "metrika", "sandbox"]
