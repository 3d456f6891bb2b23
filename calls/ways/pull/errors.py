"""Errors of pulling that are not CallKeeper's."""

from __future__ import annotations

from calls.callkeeper.errors import CallKeeperError, WrongKey


class UnreadableKey(WrongKey):
    """No key of SEALING_KEYS opens the stored key: it has to be entered again."""

    code = "unreadable_key"


class InternalError(CallKeeperError):
    """A fault of ours; the log has it."""

    code = "internal"
