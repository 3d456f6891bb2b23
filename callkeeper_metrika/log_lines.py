"""Logging: one event is one line, whatever stands in it, and a refused request is no fault."""

from __future__ import annotations

import logging
import re

#: C0 and C1 controls, line and paragraph separators, marks that reverse the order of a line,
#: halves of surrogate pairs: what starts a line of its own, or moves what a terminal shows.
_CONTROLS = re.compile(
    "[\x00-\x08\n-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
#: In front of every line of a traceback, so that none of them looks like an event.
_INDENT = "    "
_LOGGERS = ("django.request", "django.security")
_SERVER_ERROR = 500


def escaped(text: str) -> str:
    """Return the text with control characters as `\\n`, `\\x1b` or `\\u2028`; tabs stay."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def indented(text: str) -> str:
    """Return the lines of a traceback, escaped and indented."""
    return "\n".join(_INDENT + escaped(line) for line in text.split("\n"))


class OneLineFilter(logging.Filter):
    """Escapes control characters, and makes one warning without a traceback of a refusal.

    Django logs a request that it refuses (400, 403) with the traceback of the exception, and a
    suspicious one (a filter that is not shown, an unknown host) twice. Goes after the redaction,
    which has formatted the message and the traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for the second record of the same refusal."""
        if _is_refusal(record):
            if _is_told(record):
                return False
            record.exc_info = record.exc_text = record.stack_info = None
            if record.levelno > logging.WARNING:
                record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = escaped(record.getMessage()), None
        if record.exc_text:
            record.exc_text = indented(record.exc_text)
        if record.stack_info:
            record.stack_info = indented(record.stack_info)
        return True


def _is_refusal(record: logging.LogRecord) -> bool:
    status = getattr(record, "status_code", None)
    return record.name.startswith(_LOGGERS) and status is not None and status < _SERVER_ERROR


def _is_told(record: logging.LogRecord) -> bool:
    """Whether another record has told of this refused request; remembers that one has now."""
    request = getattr(record, "request", None)
    if request is None:
        return False
    # The same record comes once for each handler.
    this = (record.name, record.created)
    told = vars(request).setdefault("refusal_logged_as", this)
    return bool(told != this)
