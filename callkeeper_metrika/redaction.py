"""A logging filter: tokens, secrets and phone numbers never reach a log."""

from __future__ import annotations

import logging
import re

TOKEN_PATTERNS = (
    re.compile(r"y[0-3]_[A-Za-z0-9_-]{20,}"),
    re.compile(r"\b1:[\w-]+:[\w-]+:[\w-]+"),
    re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,}"),
    re.compile(r"(?i)(?<=Basic )[A-Za-z0-9+/=]{8,}"),
    re.compile(r"(?i)(?<=OAuth )[\w.:-]{8,}"),
    re.compile(r"(?i)(?<=Bearer )[\w.:-]{8,}"),
    re.compile(r"(?i)(?<=[?&\s](?:code)=)[^&\s\"']+"),
    re.compile(r"(?i)(?<=[?&\s]state=)[^&\s\"']+"),
    re.compile(
        r"(?i)(?<=(?:access_token|efresh_token|lient_secret|code_verifie)[\"':= ]{1})[\w:.-]{8,}"
    ),
)
# Phones and visitors' identifiers; counter numbers and our own ids are shorter.
LONG_NUMBER = re.compile(r"(?<![\w.])\+?(\d)\d{7,18}(\d{2})(?![\w.])")


def redact(text: str) -> str:
    """Return the text with tokens cut out and phones and visitor ids masked to their ends."""
    for pattern in TOKEN_PATTERNS:
        text = pattern.sub("[скрыто]", text)
    return LONG_NUMBER.sub(r"\1***\2", text)


class RedactingFilter(logging.Filter):
    """Rewrites the finished message, so that arguments are covered as well as the format."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True
