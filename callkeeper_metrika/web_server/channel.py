"""One connection: what it is waiting for, and when it is too slow to be kept."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel

from callkeeper_metrika.web_server import limits
from callkeeper_metrika.web_server.limits import Transfer
from callkeeper_metrika.web_server.parser import BoundedParser
from callkeeper_metrika.web_server.tasks import (
    AnswerTask,
    RefusalTask,
    RequestTimeout,
    ServerBusy,
    SourceLookup,
)

if TYPE_CHECKING:
    from callkeeper_metrika.web_server.server import BufferedServer


class BufferedChannel(HTTPChannel):  # type: ignore[misc]  # no types are published
    """A connection. All methods but `send` and `service` run in the thread of the loop."""

    task_class = AnswerTask
    error_task_class = RefusalTask
    server: BufferedServer
    request: BoundedParser | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parser_class = self.server.parser_class
        self.bytes_sent = 0
        #: Since when it waits for a request, or receives one (monotonic seconds).
        self.waiting_since = time.monotonic()
        #: Since when it sends a response, and what had been sent before; None: nothing to send.
        self.sending: tuple[float, int] | None = None
        #: A refused client may still be sending; until then its bytes are thrown away.
        self.lingers_until: float | None = None
        self.lingered_bytes = 0
        self.is_refused = False
        self.has_lookup = False
        self.has_served = False
        #: Nothing is sent before this (monotonic seconds); None: at once.
        self.kept_until: float | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it occupies the server for nothing: no complete request, no response to send."""
        return not self.requests and not self.total_outbufs_len

    @property
    def held_bytes(self) -> int:
        """The bytes of bodies that it holds in memory."""
        unfinished = self.request
        held = [*self.requests, unfinished] if unfinished is not None else self.requests
        return sum(
            len(one.body_rcv) for one in held if one.body_rcv is not None and not one.is_spooled
        )

    @property
    def is_uploading(self) -> bool:
        """Whether a file comes in."""
        return self.request is not None and self.request.is_spooled

    # --- Receiving ---------------------------------------------------------------------------

    def readable(self) -> bool:
        """Whether to read; hands over a request whose source turned out to be unknown."""
        if self.request is not None and self.request.is_unwanted:
            self.request.without_body()
            self._finish(self.request)
        return self.lingers_until is not None or super().readable()

    def handle_read(self) -> None:
        """Read what came; of a refused request, throw it away."""
        if self.lingers_until is None:
            super().handle_read()
            return
        self.lingered_bytes += len(self.recv(self.adj.recv_bytes))
        if self.lingered_bytes > limits.LINGER_BYTES:
            self.handle_close()

    def received(self, data: bytes) -> bool:
        """Take bytes of requests."""
        was_between = self.request is None
        is_taken = bool(super().received(data))
        request = self.request
        if request is None or was_between:
            self.waiting_since = time.monotonic()
            self.has_lookup = False
        if self.requests:
            self.has_served = True
        if request is not None and request.headers_finished and request.has_large_body:
            self._look_up_source(request)
            self.server.bound_memory(self)
        return is_taken

    def _look_up_source(self, request: BoundedParser) -> None:
        if not self.has_lookup:
            self.has_lookup = True
            self.server.add_task(SourceLookup(self, request, self.server.is_unknown_source))

    def _finish(self, request: BoundedParser) -> None:
        """Pass the unfinished request on, without its body: nothing more of it is read."""
        with self.requests_lock:
            self.request = None
            self.is_refused = True
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    # --- Limits ------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Close or refuse the connection when its client is too slow; ``now`` is monotonic."""
        if self.lingers_until is not None:
            if now > self.lingers_until:
                self.handle_close()
        elif self.total_outbufs_len:
            self._check_sending(now)
        elif self.requests:
            self.waiting_since = now  # it waits for us
            self.sending = None
        else:
            self.sending = None
            self._check_receiving(Transfer(now - self.waiting_since))

    def _check_sending(self, now: float) -> None:
        self.waiting_since = now
        if self.sending is None:
            self.sending = now, self.bytes_sent
        since, before = self.sending
        if limits.is_below_rate(Transfer(now - since, self.bytes_sent - before)):
            self.handle_close()

    def _check_receiving(self, transfer: Transfer) -> None:
        request = self.request
        if request is None:
            limit = limits.IDLE_SECONDS if self.has_served else limits.HEADERS_SECONDS
            if transfer.seconds > limit:
                self.handle_close()
        elif not request.headers_finished:
            if limits.headers_are_late(transfer):
                self.refuse(RequestTimeout)
        elif limits.body_is_late(
            Transfer(transfer.seconds, request.body_bytes_received), is_file=request.is_spooled
        ):
            self.refuse(RequestTimeout)
        else:
            self._look_up_source(request)  # of a large body it was, when its headers had come

    def refuse(self, error: type[RequestTimeout | ServerBusy]) -> None:
        """Answer the unfinished request with an error of the server and end the connection."""
        request = self.request
        if request is not None:
            request.error = error
            request.without_body()
            self._finish(request)

    # --- Sending and closing -----------------------------------------------------------------

    @property
    def is_kept_back(self) -> bool:
        """Whether its response waits for `kept_until`; a server that stops sends everything."""
        if self.kept_until is None or self.server.is_stopping:
            return False
        return time.monotonic() < self.kept_until

    def keep_back(self, seconds: float) -> None:
        """Send the response that is being made after ``seconds``, unless too many are kept back.

        No thread waits for it: the loop sends it.
        """
        others = sum(one.is_kept_back for one in list(self.server.active_channels.values()))
        if others < limits.MAX_KEPT_BACK:
            self.kept_until = time.monotonic() + seconds

    def writable(self) -> bool:
        """Whether there is something to send now."""
        return not self.is_kept_back and bool(super().writable())

    def _flush_some(self, do_close: bool = True) -> bool:
        return not self.is_kept_back and bool(super()._flush_some(do_close))

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send and count the bytes."""
        sent: int = super().send(data, do_close)
        self.bytes_sent += sent
        return sent

    def service(self) -> None:
        """Answer the next request, in a thread."""
        request = self.requests[0]
        if request.error or request.is_unwanted:
            self.is_refused = True
        super().service()

    def handle_close(self) -> None:
        """Close; after a refusal first let the client read it, and throw away what it sends."""
        if self._begins_to_linger():
            return
        super().handle_close()

    def _begins_to_linger(self) -> bool:
        if not self.is_refused or self.lingers_until is not None or not self.connected:
            return False
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        self.lingers_until = time.monotonic() + limits.LINGER_SECONDS
        self.will_close = False
        return True
