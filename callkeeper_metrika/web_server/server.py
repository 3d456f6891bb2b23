"""The connections of one listening socket: accepting, limits, memory."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.http.request import HttpHeaders
from waitress.server import BaseWSGIServer, TcpWSGIServer, UnixWSGIServer

from callkeeper_metrika.web_server import limits
from callkeeper_metrika.web_server.channel import BufferedChannel
from callkeeper_metrika.web_server.parser import BoundedParser
from callkeeper_metrika.web_server.tasks import ServerBusy

logger = logging.getLogger(__name__)


class BufferedServer(BaseWSGIServer):  # type: ignore[misc]  # no types are published
    """What both kinds of servers, TCP and Unix, have in common."""

    channel_class = BufferedChannel
    parser_class: type[BoundedParser] = BoundedParser
    #: Whether the request with this path, headers and query names a source that does not exist.
    is_unknown_source: Callable[[str, HttpHeaders, str], bool] = staticmethod(
        lambda _path, _headers, _query: False
    )
    active_channels: dict[int, BufferedChannel]
    is_stopping = False
    #: When a crowded server was last logged (monotonic seconds): once a minute is enough.
    _logged_at = float("-inf")

    def readable(self) -> bool:
        """Whether to accept a connection; makes room for one when the limit is reached."""
        if self.accepting and len(self._map) >= self.adj.connection_limit:
            self._make_room()
        return bool(super().readable())

    def maintenance(self, _now: float) -> None:
        """Close what is too slow; called every `cleanup_interval` seconds."""
        now = time.monotonic()
        for channel in list(self.active_channels.values()):
            channel.check(now)

    def bound_memory(self, newest: BufferedChannel) -> None:
        """Refuse the large body that is longest on its way while bodies take too much memory.

        Of files, which take none, the newest is refused while there are too many.
        """
        uploads = sum(one.is_uploading for one in self.active_channels.values())
        if newest.is_uploading and uploads > limits.MAX_UPLOADS:
            newest.refuse(ServerBusy)
        while sum(one.held_bytes for one in self.active_channels.values()) > limits.MAX_HELD_BYTES:
            unfinished = [
                one
                for one in self.active_channels.values()
                if one.request is not None and one.held_bytes > limits.SMALL_BODY_BYTES
            ]
            oldest = min(unfinished, key=lambda one: one.waiting_since, default=newest)
            if oldest.request is None:
                return
            oldest.refuse(ServerBusy)

    def stop_accepting(self) -> None:
        """Accept no more connections; responses from now on end theirs."""
        self.is_stopping = True
        self.accepting = False

    def _make_room(self) -> None:
        """Close the connection that waits longest, of the address that has the most."""
        now = time.monotonic()
        waiting = [one for one in self.active_channels.values() if one.is_waiting]
        if now - self._logged_at > 60:
            self._logged_at = now
            logger.warning("the limit of %d connections is reached", self.adj.connection_limit)
        if waiting:
            held = Counter(_address(one) for one in self.active_channels.values())
            crowd = max(waiting, key=lambda one: (held[_address(one)], now - one.waiting_since))
            crowd.is_refused = False  # no lingering: its place is needed
            crowd.handle_close()


def _address(channel: BufferedChannel) -> Any:
    return channel.addr[0]


class BufferedTcpServer(BufferedServer, TcpWSGIServer):  # type: ignore[misc]  # no types are published
    """Of a TCP socket."""


class BufferedUnixServer(BufferedServer, UnixWSGIServer):  # type: ignore[misc]  # no types are published
    """Of a Unix socket."""
