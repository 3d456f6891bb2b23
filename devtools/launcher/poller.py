"""Lets supervisord start its programs without waiting a second for its first poll."""

from __future__ import annotations

from typing import Any


class FirstPollAtOnce:
    """supervisord's poller; its first poll does not wait, as programs are started after it."""

    def __init__(self, poller: Any) -> None:
        self._poller = poller
        self._is_first = True

    def poll(self, timeout: float) -> Any:
        """Wait for readable and writable files for up to ``timeout`` seconds; return both lists."""
        wait, self._is_first = (0 if self._is_first else timeout), False
        return self._poller.poll(wait)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)
