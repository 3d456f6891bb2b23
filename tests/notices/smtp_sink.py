"""A real SMTP server that keeps what it is sent, and answers as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pytest_django import Settings


class SmtpSink:
    """Handler of the server; ``answers`` are given to the next texts, then `250`.

    An empty answer cuts the connection after the text was taken.
    """

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.answers: list[str] = []
        self.port = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if not answer or answer.startswith("250"):
            content = cast(bytes, envelope.content)
            self.received.append(message_from_bytes(content, policy=default))
            self.recipients += [str(one) for one in envelope.rcpt_tos]
        if not answer:
            cast(Any, server).transport.abort()
        return answer

    @property
    def texts(self) -> list[str]:
        """The texts of the messages, in their order."""
        return [str(one.get_content()).replace("\r\n", "\n") for one in self.received]

    @property
    def subjects(self) -> list[str]:
        """The subjects of the messages, in their order."""
        return [str(one["Subject"]).strip() for one in self.received]


class _Controller(Controller):
    """A server at a free port, which aiosmtpd does not look up by itself."""

    def _trigger_server(self) -> None:
        self.port = cast(Any, self).server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def running_sink(settings: Settings) -> Iterator[SmtpSink]:
    """Run a server and point the settings to it."""
    sink = SmtpSink()
    controller = _Controller(sink, hostname="127.0.0.1", port=0)
    controller.start()
    sink.port = controller.port
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    try:
        yield sink
    finally:
        controller.stop()
