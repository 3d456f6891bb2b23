"""A multipart/form-data body with one CSV part (RFC 7578), sent from where it lies.

``requests`` builds such bodies in memory, two more copies of a file that may be 1 GB; this one
takes the file piece by piece and hands out views of them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import requests

# One piece must leave within the socket's timeout, so a slow line needs small pieces; 64 KB
# costs no speed on a fast one.
PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class SizedPieces:
    """A file of ``size`` bytes whose pieces are made when they are taken, once."""

    size: int
    pieces: Iterable[bytes | memoryview]


class CsvForm:
    """The body of an upload: iterable pieces of known total length.

    ``started`` becomes true once the first piece was taken; from then on Yandex may receive the
    file. All pieces must leave within ``seconds`` from now: a process that slept in the
    middle (a stopped machine) must not complete what may have been given up and sent again since.
    """

    def __init__(self, content: bytes | SizedPieces, *, seconds: float) -> None:
        # Not the monotonic clock: it stands still while a virtual machine does.
        self._last_moment = time.time() + seconds
        self.boundary = secrets.token_hex(16)
        self.started = False
        self._head = (
            f"--{self.boundary}\r\n"
            'Content-Disposition: form-data; name="file"; filename="calls.csv"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ).encode()
        if isinstance(content, bytes):
            content = SizedPieces(len(content), [content])
        self._content = content
        self._tail = f"\r\n--{self.boundary}--\r\n".encode()

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self.boundary}"

    def __len__(self) -> int:
        return len(self._head) + self._content.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Yield the pieces; raise ``requests.Timeout`` instead of one that would leave too late."""
        self.started = True
        for piece in self._pieces():
            if time.time() > self._last_moment:
                raise requests.Timeout("the body did not leave in time")
            yield piece

    def _pieces(self) -> Iterator[bytes | memoryview]:
        yield self._head
        for piece in self._content.pieces:
            view = memoryview(piece)
            for start in range(0, len(view), PIECE_BYTES):
                yield view[start : start + PIECE_BYTES]
        yield self._tail
