"""The records in the body of a request, or a sentence that names what is wrong with the body."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from calls.ingest.errors import ApiError
from calls.ingest.parsing.file_format import UTF8, UnreadableListing, encoding_of
from calls.ingest.parsing.import_file import RECORD_NAMES
from calls.ingest.parsing.json_cost import MAX_MARKS, MAX_TEXT_BYTES, is_too_costly
from calls.ingest.parsing.json_values import MalformedJson, NotJson, read_json
from calls.ingest.parsing.lists import as_list

#: Names of encodings as people know them.
ENCODINGS = {"cp1251": "windows-1251", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}


@dataclass(frozen=True)
class Content:
    """The records of a body, and those of its members that say how to take them."""

    items: list[Any]
    members: Mapping[str, Any] = field(default_factory=dict)


def content_of(body: bytes, *, members: Collection[str] = ()) -> Content:
    """Return the records of a body: one object, a list, or a list under `calls` or `payload`.

    ``members`` are names that may stand beside the list, or be true in a single record, which then
    does not have them. Raises ApiError: 400, 413, 422.
    """
    _require_cheap(body)
    try:
        content = as_list(read_json(body))
    except MalformedJson as problem:
        sentence = _sentence_of(body, problem.__cause__)
        raise ApiError(400, "malformed_json", sentence) from None
    found = _members(content, members)
    return Content(_checked(_listed(content)), found)


def items_of(body: bytes) -> list[Any]:
    """Return the records of a body. Raises ApiError."""
    return content_of(body).items


def _members(content: Any, names: Collection[str]) -> dict[str, Any]:
    """Take the members of these names out of the content."""
    if not isinstance(content, dict):
        return {}
    listed = _listed(content)
    is_record = isinstance(listed, list) and len(listed) == 1 and listed[0] is content
    taken = [name for name in names if name in content]
    return {name: content.pop(name) for name in taken if not is_record or content[name] is True}


def _checked(items: Any) -> list[Any]:
    """Return the records if there are any, and not too many."""
    if not isinstance(items, list):
        raise ApiError(400, "wrong_shape", _('Нужен объект звонка, список или {"calls": […]}.'))
    if not items:
        raise ApiError(
            422, "no_usable_call", _("В запросе нет ни одного звонка."), extra={"results": []}
        )
    if len(items) > settings.INGEST_MAX_CALLS:
        raise ApiError(
            413,
            "too_many_calls",
            _("Не больше %(limit)d звонков в запросе.") % {"limit": settings.INGEST_MAX_CALLS},
        )
    return items


def _require_cheap(body: bytes) -> None:
    """Refuse, before it is parsed, a body that would keep a thread busy for seconds."""
    if is_too_costly(body):
        raise ApiError(
            413,
            "body_too_complex",
            _(
                "В теле больше %(values)d значений, списков и объектов JSON или есть текст"
                " длиннее %(bytes)d байт: разделите звонки на несколько запросов."
            )
            % {"values": MAX_MARKS, "bytes": MAX_TEXT_BYTES},
        )


def _listed(content: Any) -> Any:
    """Return the list of records that the content is or has; something else when it has none."""
    if not isinstance(content, dict):
        return content
    if "calls" in content:
        return as_list(content["calls"])
    payload = as_list(content.get("payload"))
    is_answer = isinstance(payload, list) and not RECORD_NAMES & content.keys()
    return payload if is_answer else [content]


def _sentence_of(body: bytes, cause: BaseException | None) -> str:
    """Return what is wrong with a body that is not JSON."""
    if not body.strip(b" \t\r\n\xef\xbb\xbf"):
        return _("Тело запроса пустое: нужен JSON со звонком.")
    if encoding := _other_encoding(body):
        return _("Тело запроса не в UTF-8, похоже на %(encoding)s: пришлите JSON в UTF-8.") % {
            "encoding": encoding
        }
    if isinstance(cause, NotJson):
        return _("%(name)s — не JSON: пришлите вместо него null.") % {"name": cause.name}
    if not isinstance(cause, json.JSONDecodeError):
        return _("Тело запроса — не JSON в UTF-8.")
    if cause.msg == "Extra data" and cause.doc[cause.pos : cause.pos + 1] in ("{", ","):
        return _(
            "Тело запроса — по одной записи в строке (JSON Lines): оберните их в "
            '{"calls": […]}, через запятую.'
        )
    place = {"line": cause.lineno, "sign": cause.colno}
    return _("Тело запроса — не JSON: ошибка в строке %(line)d, знак %(sign)d.") % place


def _other_encoding(body: bytes) -> str:
    """Return the name of the encoding, "" for UTF-8 and one that is not recognised."""
    try:
        encoding = encoding_of(BytesIO(body))
    except UnreadableListing:
        return ""
    return "" if encoding == UTF8 else ENCODINGS.get(encoding, encoding.upper())
