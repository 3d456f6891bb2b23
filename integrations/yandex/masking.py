"""Removes secrets and personal data from answers of Yandex before they are stored or logged."""

from __future__ import annotations

import re

EXCERPT_LENGTH = 500
# Enough to fill an excerpt whatever the masks take away; the rest need not be searched.
SEARCHED_LENGTH = 20_000

SECRETS = re.compile(
    r"y[0-3]_[A-Za-z0-9_-]{6,}"  # access tokens of today
    r"|A[Qg]AAAA[A-Za-z0-9_-]{6,}"  # access tokens of former years
    r"|\b1:[\w-]+:[\w-]+:[\w-]+"  # refresh tokens
    r"|(?<=OAuth )[\w.:~+/-]{8,}=*"
    r"|(?<=Bearer )[\w.:~+/-]{8,}=*"
    r"|(?<=Basic )[\w+/-]{8,}=*",
)
# As in a form, an address (also one inside another), JSON (also quoted once more), a printed
# dictionary or a printed pair.
NAMED_SECRETS = re.compile(
    r"""(?ix) (?: (?<![a-z_]) | (?<=%3F) )
    (access_token | refresh_token | client_secret | code_verifier | code | oauth_token)
    ([\\"']* \s* (?: [=:] | %3D ) \s* (?: b (?=["']) )? [\\"']* | ["'] \s* , \s* b? ["'])
    ([^\s"'&,}\\]+)"""
)
#: The code of an error of Metrika, such as 403. Codes of OAuth are longer.
ERROR_CODE = re.compile(r"\d{3}")
# Phone numbers with their punctuation, and visitor or click ids, which are long runs of digits.
PHONES = re.compile(r"(?<![\w.])\+?\d[\d\s()-]{8,}\d(?!\w)")
DIGITS = re.compile(r"\d{9,}")
# Sites write names and e-mails of their visitors into the query of an address.
ADDRESS_QUERY = re.compile(r"(https?://[^\s\"'?#<>\\]*)[?#][^\s\"'<>\\]*")
EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")


def masked(text: str) -> str:
    """Return the text without tokens, queries of addresses, e-mails, phones and long numbers."""
    text = SECRETS.sub("[token]", text)
    text = NAMED_SECRETS.sub(_without_secret, text)
    text = EMAIL.sub("[e-mail]", ADDRESS_QUERY.sub(r"\1?[query]", text))
    return DIGITS.sub("[digits]", PHONES.sub("[digits]", text))


def _without_secret(named: re.Match[str]) -> str:
    name, between, value = named.groups()
    if name.lower() == "code" and ERROR_CODE.fullmatch(value):
        return named[0]
    return f"{name}{between}[hidden]"


def excerpt(body: bytes, length: int = EXCERPT_LENGTH) -> str:
    """Return the beginning of an answer's body, masked, as one line."""
    text = " ".join(body[:SEARCHED_LENGTH].decode("utf-8", "replace").split())
    return masked(text)[:length]
