"""Prints the tables of states, of moves and of errors as docs/states.md has them."""

from __future__ import annotations

from calls.delivery.error_owners import (
    ERROR_TYPES,
    NO_ANSWER,
    STATUSES,
    UNKNOWN_QUOTA,
    UNKNOWN_REFUSAL,
    ErrorOwner,
)
from calls.delivery.moves import MOVES, Move
from calls.delivery.state_table import DELIVERY_STATES, UPLOAD_STATES, StateRow
from calls.states import UploadState


def states_as_markdown() -> str:
    """Return the table as docs/states.md prints it."""
    lines = [
        "| what | state | reason | owner | next step | by | at last |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for delivery, row in DELIVERY_STATES.items():
        lines.append(_line("delivery", delivery.name.lower(), "", row))
    for (state, why), row in UPLOAD_STATES.items():
        lines.append(_line("upload", state.value, why.value if why else "", row))
    return "\n".join(lines) + "\n"


def _line(what: str, state: str, why: str, row: StateRow) -> str:
    by, at_last = ", ".join(row.by), ", ".join(row.at_last)
    cells = [what, state, why, row.owner.value, row.step, by, at_last]
    return f"| {' | '.join(cells)} |"


def moves_as_markdown() -> str:
    """Return the table of moves as docs/states.md prints it."""
    lines = ["| move | from | to | by |", "| --- | --- | --- | --- |"]
    for move in MOVES:
        sources = ", ".join(_source(move, state) for state in move.sources)
        cells = [move.name, sources, ", ".join(move.targets), ", ".join(move.by)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _source(move: Move, state: UploadState) -> str:
    if state != UploadState.NEEDS_ATTENTION or not move.reasons:
        return state.value
    return f"{state.value} ({' / '.join(move.reasons)})"


def errors_as_markdown() -> str:
    """Return the table of errors and their owners as docs/states.md prints it."""
    lines = ["| error | owner | the upload | the counter |", "| --- | --- | --- | --- |"]
    for name, row in ERROR_TYPES.items():
        lines.append(_error_line(f"`{name}`", row))
    lines.append(_error_line("any other `quota_…`", UNKNOWN_QUOTA))
    for status, row in STATUSES.items():
        lines.append(_error_line(f"{status} without a type", row))
    lines.append(_error_line("any other 4xx", UNKNOWN_REFUSAL))
    lines.append(_error_line("5xx, an answer that is no JSON, none", NO_ANSWER))
    return "\n".join(lines) + "\n"


def _error_line(error: str, row: ErrorOwner) -> str:
    on_counter = f"stopped: {row.stops}" if row.stops else ""
    if row.access:
        on_counter = f"access: {row.access}"
    return f"| {error} | {row.owner} | {row.action} | {on_counter} |"
