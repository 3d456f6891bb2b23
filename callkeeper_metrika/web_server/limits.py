"""How slow a client may be, and how much it may occupy. Pure."""

from __future__ import annotations

from dataclasses import dataclass

#: A kept-alive connection without a request is closed after this.
IDLE_SECONDS = 30.0
#: From the first byte of a request, or from the connection, to the end of its headers.
HEADERS_SECONDS = 10.0
MAX_HEADER_BYTES = 32 * 1024
#: A body has this long whatever its size, then it has to have come at the minimal rate.
GRACE_SECONDS = 10.0
BYTES_PER_SECOND = 1024
#: No body may take longer, at whatever rate.
BODY_SECONDS = 120.0
#: Nor a file of a person; it goes to a temporary file, and so many at a time in one process.
FILE_SECONDS = 1800.0
MAX_UPLOADS = 4
#: How long, and how many bytes, the rest of a refused body is read and thrown away: closing earlier
#: would reset the connection, and the client would lose the answer.
LINGER_SECONDS = 2.0
LINGER_BYTES = 16 * 1024 * 1024
#: Bodies of one process in memory. Beyond it the body that is longest on its way is refused.
MAX_HELD_BYTES = 96 * 1024 * 1024
#: A smaller body is never refused for lack of memory, and its source is looked up ahead only when
#: it is not there within a second: that costs a query.
SMALL_BODY_BYTES = 64 * 1024
#: A chunked body may take this much, and twice its size, for the framing of its chunks.
MAX_FRAMING_BYTES = 64 * 1024
#: Responses in memory for one slow reader; beyond it its thread waits.
MAX_UNSENT_BYTES = 16 * 1024 * 1024

#: Responses that one process keeps back at a time (`callkeeper_metrika.web_server.tasks`).
MAX_KEPT_BACK = 200


@dataclass(frozen=True)
class Transfer:
    """What moves on a connection: since when (seconds), and how many bytes so far."""

    seconds: float
    moved: int = 0


def headers_are_late(transfer: Transfer) -> bool:
    """Whether the headers of a request take too long."""
    return transfer.seconds > HEADERS_SECONDS


def body_is_late(transfer: Transfer, *, is_file: bool = False) -> bool:
    """Whether a body takes too long, or comes below the minimal rate."""
    most = FILE_SECONDS if is_file else BODY_SECONDS
    return transfer.seconds > most or is_below_rate(transfer)


def is_below_rate(transfer: Transfer) -> bool:
    """Whether less than BYTES_PER_SECOND moved since GRACE_SECONDS after the start."""
    return transfer.seconds > GRACE_SECONDS + transfer.moved / BYTES_PER_SECOND
