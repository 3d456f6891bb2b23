"""The key of a call: what names it outside of the database, in Metrika above all.

The primary key of a call cannot do that: a database restored from a backup gives the numbers of
lost calls to other ones. The key follows from what the sender calls the call, so the same call has
it again when it is sent again, and no other call ever has it.
"""

from __future__ import annotations

#: Length of a key: hexadecimal digits, the first 16 bytes of a SHA-256.
KEY_DIGITS = 32


def call_key_sql(row: str = "") -> str:
    """Return SQL (text): hex of the first 16 bytes of sha256("<cabinet id>:<external id>").

    ``row`` is the alias of a row with the columns cabinet_id and external_id; "" for none.
    All its functions are immutable: `calls.models.CallKey` has an index on it. A cast to bytea
    reads backslashes, so they are doubled; `convert_to` is not immutable.
    """
    digest = rf"sha256(replace({_named(row)}, E'\\', E'\\\\')::bytea)"
    return f"left(encode({digest}, 'hex'), {KEY_DIGITS})"


def call_key_of_many_sql(row: str) -> str:
    """Return SQL of the same text that is faster, and is found in no index."""
    digest = f"sha256(convert_to({_named(row)}, 'UTF8'))"
    return f"encode(substring({digest} FROM 1 FOR {KEY_DIGITS // 2}), 'hex')"


def _named(row: str) -> str:
    columns = f"{row}." if row else ""
    return f"{columns}cabinet_id::text || ':' || {columns}external_id"
