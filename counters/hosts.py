"""Normalises the address of a site to its host in ASCII, so that addresses can be compared."""

from __future__ import annotations

import re

import idna

#: A name of at least two labels; underscores occur in practice. Length limits of RFC 1035.
_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)+"
)
#: Repeated, so that normalising is idempotent; the domain www.ru keeps its name.
_WWW = re.compile(r"^(www\.)+(?=[^.]+\.)")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*:)?//")
#: Far longer than any host with its path; the IDN codec is slow on long input.
_MAX_INPUT = 4096


def normalise_host(text: str) -> str:
    """Return the lower-case host without scheme, ``www.``, port, path and trailing dot.

    International names become punycode (``xn--``). The result is empty for what is not a host.
    """
    given = _host_part(text[:_MAX_INPUT].strip().lower())
    host = _WWW.sub("", _to_ascii(given).rstrip("."))
    return host if _HOST.fullmatch(host) else ""


def readable_host(host: str) -> str:
    """Return a normalised host with ``xn--`` labels decoded."""
    readable = ".".join(map(_decode_label, host.split(".")))
    # The form sends the shown text back: it must normalise to the same host.
    return readable if normalise_host(readable) == host else host


def _host_part(address: str) -> str:
    after_scheme = _SCHEME.sub("", address)
    authority = re.split(r"[/?#\\]", after_scheme, maxsplit=1)[0]
    name = authority.rpartition("@")[2].partition(":")[0]
    return name.strip()


def _to_ascii(host: str) -> str:
    if len(host) > 253 or host.isascii():
        return host
    try:
        return ".".join(map(_label_to_ascii, _mapped(host).split(".")))
    except UnicodeError:
        return ""


def _mapped(host: str) -> str:
    """Fold width and dots as browsers do; ß and ς stay, which IDNA 2008 allows.

    https://www.unicode.org/reports/tr46/, without the transitional processing.
    """
    try:
        return idna.uts46_remap(host, std3_rules=False)
    except idna.IDNAError:
        return host


def _label_to_ascii(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        # Characters that IDNA 2008 refuses, such as emoji, occur in names registered before it.
        return label.encode("idna").decode("ascii")


def _decode_label(label: str) -> str:
    for decode in (idna.ulabel, lambda one: one.encode("ascii").decode("idna")):
        try:
            return decode(label)
        except UnicodeError:
            continue
    return label
