"""Reads one request: refuses ambiguous framing, and ends early what the headers already refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.http.request import HttpHeaders
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver, FixedStreamReceiver
from waitress.utilities import BadRequest

from callkeeper_metrika.web_server.limits import MAX_FRAMING_BYTES, SMALL_BODY_BYTES

if TYPE_CHECKING:
    from waitress.adjustments import Adjustments

VERSIONS = ("1.0", "1.1")
#: Headers that WSGI passes on without the prefix HTTP_.
UNPREFIXED = ("CONTENT_TYPE", "CONTENT_LENGTH")


class BoundedParser(HTTPRequestParser):  # type: ignore[misc]  # no types are published
    """A request on its way.

    ``is_unwanted``: its headers, or the look-up of its source, tell that it will be refused. It is
    then passed to the application without its body, so that the error is the application's own.
    """

    #: Whether the application refuses a request with this path and these headers.
    refuses_head: Callable[[str, HttpHeaders], bool] = staticmethod(lambda _path, _headers: False)
    max_body_bytes = 0
    #: Whether a form of this path may have a large file, and the most bytes of such a form.
    is_file_upload: Callable[[str], bool] = staticmethod(lambda _path: False)
    max_form_bytes = 0

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.is_unwanted = False
        #: Its body goes to a temporary file instead of memory.
        self.is_spooled = False
        self.wire_bytes = 0

    @property
    def has_large_body(self) -> bool:
        """Whether the body is, or may become, larger than SMALL_BODY_BYTES."""
        return bool(self.chunked or self.content_length > SMALL_BODY_BYTES)

    @property
    def django_headers(self) -> HttpHeaders:
        """The headers as `request.headers` gives them."""
        environ = {
            name if name in UNPREFIXED else f"HTTP_{name}": value
            for name, value in self.headers.items()
        }
        # waitress removes the header of a body that it decodes.
        return HttpHeaders(
            environ | ({"HTTP_TRANSFER_ENCODING": "chunked"} if self.chunked else {})
        )

    def received(self, data: bytes) -> int:
        """Take bytes of the request; return how many of them belong to it."""
        consumed: int = super().received(data)
        if self.chunked and not self.error:
            self._check_chunks(consumed)
        if self.error or self.is_unwanted:
            self.completed = True
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the headers. Raises ParsingError for framing that servers read differently."""
        is_chunked = b"\ntransfer-encoding" in header_plus.lower()
        super().parse_header(header_plus)
        if self.version not in VERSIONS:
            raise ParsingError("HTTP version is not supported")
        if is_chunked and ("CONTENT_LENGTH" in self.headers or self.version == "1.0"):
            raise ParsingError("Transfer-Encoding with Content-Length or in HTTP/1.0")
        self._spool_file()
        most = self.max_form_bytes if self.is_spooled else self.max_body_bytes
        self.is_unwanted = self.content_length > most or type(self).refuses_head(
            self.path, self.django_headers
        )

    def _spool_file(self) -> None:
        """Let the body of a form with a file go to a temporary file; a chunked one stays small."""
        if isinstance(self.body_rcv, FixedStreamReceiver) and type(self).is_file_upload(self.path):
            self.is_spooled = True
            self.body_rcv.getbuf().overflow = SMALL_BODY_BYTES

    def without_body(self) -> None:
        """Forget the body: the application refuses the request by its headers."""
        self.is_unwanted = self.completed = True
        self.expect_continue = False
        if self.body_rcv is not None:
            self.body_rcv.getbuf().close()

    def _check_chunks(self, consumed: int) -> None:
        """Bound a chunked body, and the work that chunks of a few bytes cause."""
        self.wire_bytes += consumed
        receiver = self.body_rcv
        if not isinstance(receiver, ChunkedReceiver):
            return
        size = len(receiver)
        if size > self.max_body_bytes:
            self.headers["CONTENT_LENGTH"] = str(size)
            self.without_body()
        elif self.wire_bytes > MAX_FRAMING_BYTES + 2 * size + self.header_bytes_received:
            self.error = BadRequest("Chunks are too small")
