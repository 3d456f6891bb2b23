"""What a thread does for a connection: run the application, write an error, look up a source."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http.request import HttpHeaders
from django.utils.translation import gettext as _
from waitress.task import ErrorTask, WSGITask

from callkeeper_metrika.web_server.parser import BoundedParser
from calls.ingest.errors import problem

if TYPE_CHECKING:
    from callkeeper_metrika.web_server.channel import BufferedChannel

API_PREFIX = "/api/"
#: In the WSGI environment: called with seconds, it has the response sent that much later and ends
#: the connection after it. Other servers do not have it.
SEND_AFTER = "callkeeper.send_after"


class RequestTimeout:
    """The request came too slowly."""

    code, reason, name = 408, "Request Timeout", "request_timeout"


class ServerBusy:
    """Too many large bodies are on their way."""

    code, reason, name = 503, "Service Unavailable", "server_busy"


class DroppedBody:
    """`wsgi.input` of a request that the application refuses by its headers."""

    def read(self, *_size: int) -> bytes:
        """Raise OSError: what was not read must not be taken for an empty body."""
        raise OSError("the body was not read")

    readline = readlines = __iter__ = read


class AnswerTask(WSGITask):  # type: ignore[misc]  # no types are published
    """Runs the application for one request."""

    def start(self) -> None:
        """Begin; announce the end of the connection when the server stops or the body is left."""
        super().start()
        if self.channel.server.is_stopping or self.request.is_unwanted:
            self.set_close_on_finish()

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment."""
        environ: dict[str, Any] = super().get_environment()
        environ[SEND_AFTER] = self.send_after
        if self.request.is_unwanted:
            environ["wsgi.input"] = DroppedBody()
        if self.request.command == "HEAD":
            # Files are written around `write`, which leaves out the body.
            environ.pop("wsgi.file_wrapper", None)
        return environ

    def send_after(self, seconds: float) -> None:
        """Keep the response back; whatever was sent ahead on this connection is not served."""
        self.set_close_on_finish()
        self.channel.keep_back(seconds)

    def write(self, data: bytes) -> None:
        """Write a part of the body, of which a response to HEAD has none."""
        super().write(b"" if self.request.command == "HEAD" else data)


class RefusalTask(ErrorTask):  # type: ignore[misc]  # no types are published
    """Writes an error of the server itself: JSON under /api/, a sentence elsewhere."""

    def execute(self) -> None:
        """Write the response and end the connection."""
        error = self.request.error
        self.status = f"{error.code} {error.reason}"
        name, sentence = _explained(error)
        is_api = getattr(self.request, "path", "/").startswith(API_PREFIX)
        content_type, text = (
            _for_programs(error.code, name, sentence) if is_api else _for_people(sentence)
        )
        body = text.encode()
        self.response_headers.append(("Content-Type", content_type))
        if error.code == ServerBusy.code:
            self.response_headers.append(("Retry-After", "5"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


def _explained(error: Any) -> tuple[str, str]:
    sentences = {
        408: _("Запрос шёл слишком медленно: пришлите его целиком ещё раз."),
        431: _("Заголовки запроса слишком велики."),
        500: _("Ошибка на нашей стороне, мы её записали. Повторите запрос."),
        501: _("Такое кодирование тела (Transfer-Encoding) не поддерживается."),
        503: _("Сейчас идёт слишком много больших запросов: повторите через несколько секунд."),
    }
    name = getattr(error, "name", "bad_request" if error.code < 500 else "internal_error")
    return name, sentences.get(error.code) or _("Запрос не по правилам HTTP: не прочитан.")


def _for_programs(status: int, name: str, sentence: str) -> tuple[str, str]:
    return "application/json", json.dumps(problem(status, name, sentence), ensure_ascii=False)


def _for_people(sentence: str) -> tuple[str, str]:
    return "text/plain; charset=utf-8", f"{sentence}\n"


class SourceLookup:
    """Looks up, beside the reading of a large body, whether its source exists."""

    def __init__(
        self,
        channel: BufferedChannel,
        request: BoundedParser,
        is_unknown: Callable[[str, HttpHeaders, str], bool],
    ) -> None:
        self._channel = channel
        self._request = request
        self._is_unknown = is_unknown

    def service(self) -> None:
        """Mark the request as unwanted when its source is unknown; the loop ends its reading."""
        request = self._request
        if self._is_unknown(request.path, request.django_headers, request.query):
            request.is_unwanted = True
            self._channel.server.pull_trigger()

    def cancel(self) -> None:
        """Do nothing: the server stops."""
