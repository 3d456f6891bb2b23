"""The frozen bytes of an upload on their way to Metrika, checked against the hash that was kept."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

from calls.delivery import file_store
from calls.models import Upload

#: First part of the thread's name.
THREAD = "hash"


class BytesChanged(Exception):
    """The stored bytes of an upload are not the ones that were frozen.

    Metrika does not have the file: at least the last piece of its body was not sent.
    """


def frozen_bytes(upload: Upload) -> Generator[memoryview, None, None]:
    """Yield the stored bytes; raise BytesChanged instead of the last piece unless all are right.

    A thread hashes a piece while the one before it leaves and the next one is read. Close it: then
    the thread has ended.
    """
    digest, held = hashlib.sha256(), None
    with ThreadPoolExecutor(1, THREAD) as thread:
        hashed = thread.submit(digest.update, b"")
        for piece in file_store.views_of(upload.pk):
            # One after the other, so that no more than two pieces wait in memory.
            hashed.result()
            hashed = thread.submit(digest.update, piece)
            if held is not None:
                yield held
            held = piece
        hashed.result()
    if held is None or digest.hexdigest() != upload.sha256:
        raise BytesChanged
    yield held
