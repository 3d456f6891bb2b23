"""The JSON of a webhook about notices."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from notices.claims import Text
from notices.compose import absolute
from notices.kinds import Kind
from notices.models import Notice, NoticeMessage
from notices.words import name_of, words_of

TYPE = "notices.changed"


def payload_about(
    message: NoticeMessage, begun: list[Notice], ended: list[Notice], *, now: datetime
) -> Text:
    """Return the type and the JSON: what began and what ended, with words and a link."""
    data = {
        "cabinet": {"id": message.cabinet_id, "name": message.cabinet.name},
        "opened": [_notice(one) for one in begun],
        "closed": [_notice(one) for one in ended],
    }
    body = {"type": TYPE, "timestamp": now, "data": data}
    return Text(TYPE, orjson.dumps(body).decode())


def _notice(notice: Notice) -> dict[str, Any]:
    words = words_of(notice)
    return {
        "id": notice.pk,
        "kind": notice.kind,
        "about": notice.subject,
        "name": name_of(notice),
        "title": str(Kind(notice.kind).label),
        "text": words.text,
        "url": absolute(words.url),
        "opened_at": notice.opened_at,
        "closed_at": notice.closed_at,
    }
