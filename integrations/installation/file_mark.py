"""The mark in a file: replaced atomically, synced to disk, written under a lock."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from integrations.installation.marks import Mark, OtherInstallation, PlaceUnavailable, read_mark


@dataclass(frozen=True)
class FileMark:
    """A mark in ``path``. The folder is created when it is missing."""

    path: Path

    @classmethod
    def from_settings(cls) -> FileMark:
        """Return the place that INSTALLATION_FILE names."""
        return cls(Path(settings.INSTALLATION_FILE))

    @property
    def name(self) -> str:
        """The path, as the person who set it knows it."""
        return str(self.path)

    def read(self) -> Mark | None:
        """Return the mark, None when there is no file. Raises PlaceUnavailable."""
        try:
            return read_mark(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as problem:
            raise PlaceUnavailable(f"{self.path}: {_words(problem)}") from None

    def advance(self, mark: Mark) -> None:
        """Store the mark unless the stored one covers it."""
        with self._locked():
            stored = self._readable()
            if stored is not None and stored.uid != mark.uid:
                raise OtherInstallation(self.name)
            if stored is None or not stored.covers(mark):
                self._store(stored.merged(mark) if stored else mark)

    def replace(self, mark: Mark) -> None:
        """Store the mark whatever is there."""
        with self._locked():
            self._store(mark)

    def _readable(self) -> Mark | None:
        """Return the stored mark; a damaged file counts as none and is overwritten."""
        try:
            return self.read()
        except PlaceUnavailable:
            return None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the writers; every error of the file system is PlaceUnavailable."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path.with_name(f"{self.path.name}.lock"), LOCK_FLAGS, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            finally:
                os.close(lock)
        except OSError as problem:
            raise PlaceUnavailable(f"{self.path}: {_words(problem)}") from None

    def _store(self, mark: Mark) -> None:
        draft = self.path.with_name(f".{self.path.name}.draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(mark.to_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        _sync_folder(self.path.parent)


LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _words(problem: OSError | ValueError) -> str:
    if isinstance(problem, OSError):
        return problem.strerror or type(problem).__name__
    return "its content is not a mark"
