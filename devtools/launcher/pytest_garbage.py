"""Spare the garbage collector what lives as long as the run: modules, tests and their parameters.

Loaded by `-p devtools.launcher.pytest_garbage`. Collecting the tests makes a million objects and
next to no garbage, and each full collection during the run would go through all of them again.
"""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while tests are collected; afterwards only what is made from then on."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()
