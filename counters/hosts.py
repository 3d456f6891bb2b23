"""Brings what people and systems call a site to one comparable form: the host, in ASCII."""

from __future__ import annotations

import re

#: A name of at least two labels; underscores happen in the wild. Length limits of RFC 1035.
_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)+"
)
#: Repeated, so that normalising twice changes nothing; the domain www.ru keeps its name.
_WWW = re.compile(r"^(www\.)+(?=[^.]+\.)")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*:)?//")
#: Far above any host with its path; keeps the IDN codec, which is slow on long input, from abuse.
_MAX_INPUT = 4096


def normalise_host(text: str) -> str:
    """Return the lower-case host without scheme, ``www.``, port, path and trailing dot.

    International names come out in punycode (``xn--``). What is no host gives an empty text.
    """
    host = _host_part(text[:_MAX_INPUT].strip().lower())
    ascii_host = _to_ascii(_WWW.sub("", host))
    return ascii_host if _HOST.fullmatch(ascii_host) else ""


def readable_host(host: str) -> str:
    """Return a normalised host as people write it: ``xn--`` names in their own letters."""
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host


def _host_part(address: str) -> str:
    after_scheme = _SCHEME.sub("", address)
    authority = re.split(r"[/?#\\]", after_scheme, maxsplit=1)[0]
    name = authority.rpartition("@")[2].partition(":")[0]
    return name.strip().rstrip(".")


def _to_ascii(host: str) -> str:
    if len(host) > 253:
        return ""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
