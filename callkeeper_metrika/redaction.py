"""A logging filter: tokens, secrets and phone numbers never reach a log."""

from __future__ import annotations

import logging
import re

from integrations.yandex.masking import ADDRESS_QUERY, EMAIL, NAMED_SECRETS, SECRETS

HIDDEN = "[скрыто]"
#: Secrets that are not Yandex's: signing secrets, and credentials in headers and URLs.
OTHER_SECRETS = re.compile(
    r"(?i)whsec_[A-Za-z0-9+/=_-]{8,}"
    r"|(?<=Basic )[A-Za-z0-9+/=]{8,}"
    r"|(?<=OAuth )[\w.:~+/-]{8,}=*"
    r"|(?<=Bearer )[\w.:~+/-]{8,}=*"
    r"|(?<=json/v3/)[^/\s\"']+"  # the key of CallKeeper's API
    r"|(?<=/hooks/)[^/\s\"'?&]+"  # the secret address of a source of webhooks
    r"|(?<=/invitation/)[^/\s\"'?&]+"  # the link of an invitation into a cabinet
    r"|(?<=/bot)\d+:[\w-]+"  # the token of the Telegram bot
    r"|(?<=[?&\s]state=)[^&\s\"']+"
)
#: Session and CSRF cookies, in a header, a form or a printed dictionary.
COOKIES = re.compile(
    r"""(?i)\b(sessionid|csrftoken|csrfmiddlewaretoken)(["']*\s*[=:]\s*["']*)[^\s"';&,}]+"""
)
# The Yandex client's pattern of phones would match dates and lists of counter numbers as well,
# which a log must keep: here a phone starts with a plus, or is grouped as in Russia.
PHONE = re.compile(
    r"(?<!\w)\+\d(?:[\s().-]{0,2}\d){8,17}(?!\d)"
    # as in a URL, where + is %2B, a blank %20 and brackets %28 and %29
    r"|(?i:%2B)\d(?:(?:%20|%28|%29|[+().-]){0,2}\d){8,17}(?!\d)"
    # with dots; no part of an IP address is above 255
    r"|(?<![\w.-])(?:[78]\.)?[3-9]\d{2}\.\d{3}\.\d{2}\.\d{2}(?![\w-]|\.\d)"
    r"|(?<![\w.-])(?:[78][\s(-]{0,2})?\(?\d{3}\)?[\s-]{0,2}\d{3}[\s-]?\d{2}[\s-]?\d{2}(?![\w-]|\.\d)"
)
# Phones and visitor ids; counter numbers and our own ids are shorter.
LONG_NUMBER = re.compile(r"(?<![^\W_])(?<!\d\.)\d{10,21}(?![^\W_]|\.\d)")
ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def redact(text: str) -> str:
    """Return the text without tokens and secrets, with phones and visitor ids cut to their ends."""
    for pattern in (SECRETS, OTHER_SECRETS):
        text = pattern.sub(HIDDEN, text)
    for named in (NAMED_SECRETS, COOKIES):
        text = named.sub(rf"\1\2{HIDDEN}", text)
    text = EMAIL.sub(HIDDEN, ADDRESS_QUERY.sub(rf"\1?{HIDDEN}", text))
    return LONG_NUMBER.sub(_ends, PHONE.sub(_ends, text))


def _ends(number: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", ESCAPE.sub("", number[0]))
    return f"{digits[0]}***{digits[-2:]}"


class RedactingFilter(logging.Filter):
    """Redacts the formatted message, so that arguments are covered as well as the format."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(_message(record))
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a wrong log format must not stop the work itself
        return f"{record.msg} {record.args}"
