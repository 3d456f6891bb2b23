"""Requests to addresses that customers name: to public addresses only, whatever a name resolves to.

The address is checked where the connection is made, so a name that resolves to another address the
second time, or a redirect, leads nowhere inside our network.
"""

from __future__ import annotations

import ipaddress
import math
import socket
import threading
import time
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.poolmanager import PoolManager
from urllib3.util.ssl_ import create_urllib3_context

from notices.media.deadline import EndingSocket, EndingTlsSocket, cut

#: Addresses of a name that are tried; each may take the whole timeout of a connection.
MAX_ADDRESSES = 4
#: For finding the addresses of a name.
LOOK_UP_SECONDS = 5.0
#: What is routed of IPv6 (RFC 4291). Outside are addresses that contain one of IPv4 (mapped,
#: compatible, NAT64) and those of a site.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


class AddressNotAllowed(Exception):
    """The address is not of the public internet."""


def check_url(url: str) -> None:
    """Raise AddressNotAllowed unless the address is https, without credentials, and public."""
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise AddressNotAllowed from None
    is_secure = parts.scheme == "https" or (parts.scheme == "http" and _allows_private())
    if not is_secure or not parts.hostname or parts.username or parts.password:
        raise AddressNotAllowed
    try:
        public_addresses(parts.hostname, port)
    except (OSError, UnicodeError):
        raise AddressNotAllowed from None


def public_addresses(host: str, port: int, *, ends_at: float = math.inf) -> list[tuple[Any, ...]]:
    """Return the first addresses of a name.

    Raises AddressNotAllowed if one of all is not public, and OSError when the name is not found.
    """
    found = _look_up(host, port, cut(LOOK_UP_SECONDS, ends_at))
    addresses = [(family, address) for family, _type, _proto, _name, address in found]
    if not all(_is_allowed(str(address[0])) for _family, address in addresses):
        raise AddressNotAllowed
    return addresses[:MAX_ADDRESSES]


def _look_up(host: str, port: int, seconds: float | None) -> list[Any]:
    """Return what the resolver has found. Raises OSError, after so long as well.

    The resolver asks each server of names several times and takes no timeout, so it runs in a
    thread, which ends in its own time.
    """
    found: Future[list[Any]] = Future()

    def run() -> None:
        try:
            found.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # raised again where the result is read
            found.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return found.result(seconds)


def _is_allowed(address: str) -> bool:
    if _allows_private():
        return True
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip not in _GLOBAL_UNICAST:
            return False
        ip = ip.sixtofour or ip
    return ip.is_global and not ip.is_multicast


def _allows_private() -> bool:
    return bool(settings.NOTICE_WEBHOOK_PRIVATE)


class _Checked(HTTPConnection):
    ends_at = math.inf

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.ends_at)


class _CheckedTls(HTTPSConnection):
    ends_at = math.inf

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.ends_at)

    def connect(self) -> None:
        self.ssl_context = self.ssl_context or create_urllib3_context()
        self.ssl_context.sslsocket_class = EndingTlsSocket
        super().connect()
        assert isinstance(self.sock, EndingTlsSocket)
        self.sock.ends_at = self.ends_at


def _connect(connection: HTTPConnection, ends_at: float) -> socket.socket:
    timeout = connection.timeout if isinstance(connection.timeout, int | float) else None
    failure: OSError = OSError("no address")
    try:
        addresses = public_addresses(connection.host, connection.port or 443, ends_at=ends_at)
    except (OSError, UnicodeError) as error:  # the name may be found again later
        raise NewConnectionError(connection, type(error).__name__) from None
    for family, address in addresses:
        made = EndingSocket(family, socket.SOCK_STREAM)
        made.ends_at = ends_at
        made.settimeout(timeout)
        try:
            made.connect(address)
            # A handshake that follows takes this long, whatever timeout a read has.
            made.settimeout(cut(None, ends_at))
        except OSError as error:
            made.close()
            failure = error
        else:
            return made
    raise NewConnectionError(connection, str(failure))


class _Adapter(HTTPAdapter):
    """Connections that are checked, and that end at this moment of the monotonic clock."""

    def __init__(self, ends_at: float) -> None:
        self._ends_at = ends_at
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        # Of this adapter alone: the moment is a value of the class.
        connections = {
            "http": (HTTPConnectionPool, _Checked),
            "https": (HTTPSConnectionPool, _CheckedTls),
        }
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = {
            scheme: type("_Pool", (pool,), {"ConnectionCls": self._ending(connection)})
            for scheme, (pool, connection) in connections.items()
        }

    def _ending(self, connection: type[HTTPConnection]) -> type[HTTPConnection]:
        return type(connection.__name__, (connection,), {"ends_at": self._ends_at})


def session(*, seconds: float) -> requests.Session:
    """Return a session whose connections are checked, and that uses no proxy and no .netrc.

    Its requests are over ``seconds`` from now: finding the address of the name, connecting,
    headers and body together.
    """
    made = requests.Session()
    made.trust_env = False
    made.adapters.clear()
    adapter = _Adapter(time.monotonic() + seconds)
    # An address may have been stored when others were allowed.
    for scheme in ("https://", *(["http://"] if _allows_private() else [])):
        made.mount(scheme, adapter)
    return made
