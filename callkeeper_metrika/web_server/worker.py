"""The worker class of gunicorn: `callkeeper_metrika.web_server.worker.BufferedWorker`.

Honours --bind, --backlog, --workers, --threads, --worker-connections, --graceful-timeout and
--preload. It writes no access log and knows neither TLS nor HTTP/2: a proxy does.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.http.request import HttpHeaders
from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from callkeeper_metrika.web_server import limits
from callkeeper_metrika.web_server.parser import BoundedParser
from callkeeper_metrika.web_server.server import (
    BufferedServer,
    BufferedTcpServer,
    BufferedUnixServer,
)

#: Files of a process besides its connections: the database, Redis, logs.
OTHER_FILES = 128
#: A stopping worker keeps idle connections this long, for a request that is already on its way.
LINGER_SECONDS = 1.0
POLL_SECONDS = 1.0


class BufferedWorker(Worker):  # type: ignore[misc]  # no types are published
    """A loop reads requests and writes responses; `--threads` threads run the application."""

    def init_process(self) -> None:
        """Prepare the process and run."""
        self._map: dict[int, Any] = {}
        self._servers: list[BufferedServer] = []
        self._notified_at = 0.0
        self._connections = allowed_connections(self.cfg.worker_connections)
        super().init_process()

    def run(self) -> None:
        """Serve until the process is told to stop, then finish what is being served."""
        # A queue of a few requests is usual; waitress warns of each.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(self.cfg.threads)
        self._servers = [self._serve(one.sock, dispatcher) for one in self.sockets]
        while self.alive and self._parent_is_alive():
            self._turn(POLL_SECONDS)
        self._drain(time.monotonic() + self.cfg.graceful_timeout)
        dispatcher.shutdown(timeout=1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGTERM: begin the graceful stop."""
        super().handle_exit(sig, frame)
        for server in self._servers:
            server.pull_trigger()

    def _serve(self, listener: socket.socket, dispatcher: ThreadedTaskDispatcher) -> BufferedServer:
        kind = BufferedUnixServer if listener.family == socket.AF_UNIX else BufferedTcpServer
        name = listener.getsockname()
        server: BufferedServer = kind(
            self.wsgi,
            self._map,
            _sock=listener,
            dispatcher=dispatcher,
            adj=adjustments(self.cfg.backlog, self._connections),
            sockinfo=(listener.family, listener.type, listener.proto, name),
            bind_socket=False,
        )
        server.parser_class, server.is_unknown_source = hooks()
        return server

    def _turn(self, seconds: float) -> None:
        """Wait for events and handle them; tell the master now and then that we are alive."""
        now = time.monotonic()
        if now - self._notified_at >= POLL_SECONDS:
            self._notified_at = now
            self.notify()
        wasyncore.poll2(seconds, self._map)

    def _parent_is_alive(self) -> bool:
        return bool(self.ppid == os.getppid())

    def _drain(self, deadline: float) -> None:
        """Serve requests that came, or are coming, until ``deadline`` (monotonic seconds)."""
        for server in self._servers:
            server.stop_accepting()
        idle_until = time.monotonic() + LINGER_SECONDS
        while (now := time.monotonic()) < deadline:
            channels = [one for each in self._servers for one in each.active_channels.values()]
            is_serving = any(not one.is_waiting for one in channels)
            if not channels or (now > idle_until and not is_serving):
                return
            self._turn(0.1)


def adjustments(backlog: int, connections: int) -> Adjustments:
    """Return waitress' settings: bodies stay in memory, `limits` decides what is too slow.

    The parser lets files of people go to temporary files.
    """
    return Adjustments(
        backlog=backlog,
        connection_limit=connections,
        cleanup_interval=1,
        recv_bytes=64 * 1024,
        max_request_header_size=limits.MAX_HEADER_BYTES,
        # The parser of ours has the limit of bodies, so that the error is the application's.
        max_request_body_size=1 << 40,
        inbuf_overflow=1 << 40,
        outbuf_overflow=1 << 40,
        outbuf_high_watermark=limits.MAX_UNSENT_BYTES,
        # Django reads them, and trusts them as its settings say.
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
        ident="gunicorn",
        asyncore_use_poll=True,
    )


def allowed_connections(wanted: int) -> int:
    """Raise the limit of open files for ``wanted`` connections; return how many fit into it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - OTHER_FILES))


def hooks() -> tuple[type[BoundedParser], Any]:
    """Return the parser with the application's limits, and its look-up of a source."""
    # The application is loaded by now; with its settings missing this module can still be imported.
    from calls.ingest.request_head import is_refused, is_unknown_source
    from calls.ways.imports import request_head as of_files

    class Parser(BoundedParser):
        max_body_bytes = settings.INGEST_MAX_BYTES
        max_form_bytes = of_files.max_form_bytes()
        is_file_upload = staticmethod(of_files.is_file_upload)

        @staticmethod
        def refuses_head(path: str, headers: HttpHeaders) -> bool:
            return is_refused(path, headers) or of_files.has_no_session(path, headers)

    def is_unknown(path: str, headers: HttpHeaders, query: str) -> bool:
        return is_unknown_source(path, headers, query) or of_files.is_stranger(path, headers)

    return Parser, is_unknown
