"""What the OpenAPI document says of requests that are only checked."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from calls.ingest.openapi.call_schema import Schema
from calls.ingest.previews import MAX_CALLS

_SCHEMA_PREFIX = "#/components/schemas/"


def members() -> dict[str, Schema]:
    """Return the schemas of `validate_only` and `explain`, in the address and in the body."""
    return {
        "validate_only": {
            "type": "boolean",
            "description": _(
                "Только проверить: по каждой записи ответ 200 скажет, что было бы сохранено, и "
                "ничего не сохранит. До %(count)d записей. Адрес подписью не защищён, тело — да: "
                "если этот член есть в теле, решает он."
            )
            % {"count": MAX_CALLS},
        },
        "explain": {
            "type": "boolean",
            "description": _(
                "То же, и ещё для каждого счетчика: будет ли звонок отправлен, почему нет и какой "
                "строкой CSV он уйдёт."
            ),
        },
    }


def response() -> dict[str, Any]:
    """Return the response to a request that is only checked."""
    return {
        "description": _("Проверено, ничего не сохранено; только с validate_only или explain."),
        "content": {"application/json": {"schema": {"$ref": f"{_SCHEMA_PREFIX}PreviewAnswer"}}},
    }


def schemas(result: Schema) -> dict[str, Schema]:
    """Return the schemas of the response; ``result`` is that of a stored record."""
    properties = result["properties"] | {
        "call_id": {
            "type": ["integer", "null"],
            "description": _("Номер звонка, который уже сохранён; null у нового."),
        },
        "call": {
            "type": ["object", "null"],
            "description": _(
                "Звонок, каким он был бы сохранён. У звонка, который уже есть, телефон и "
                "идентификаторы из других записей скрыты."
            ),
            "properties": {},
            "required": [],
            "additionalProperties": True,
        },
        "decisions": {"type": "array", "items": {"$ref": f"{_SCHEMA_PREFIX}PreviewDecision"}},
    }
    return {
        "PreviewAnswer": {
            "type": "object",
            "required": ["results", "validate_only"],
            "properties": {
                "results": {
                    "type": "array",
                    "items": {"$ref": f"{_SCHEMA_PREFIX}PreviewResult"},
                },
                "validate_only": {"type": "boolean", "description": _("Всегда true.")},
            },
        },
        "PreviewResult": result | {"properties": properties},
        "PreviewDecision": _decision(),
    }


def _decision() -> Schema:
    properties: dict[str, Schema] = {
        "counter": {"type": "integer", "description": _("Номер счетчика Метрики.")},
        "counter_name": {"type": "string", "description": _("Его название.")},
        "channel": {"enum": ["calls", "goal"], "description": _("Звонки или достижение цели.")},
        "decision": {
            "enum": ["send", "skip", "expired", "sent_before", "not_concerned"],
            "description": _(
                "Будет отправлен; не подходит под настройки; старше 21 дня; уже в выгрузке; "
                "счетчика не касается."
            ),
        },
        "reason": {"type": ["string", "null"], "description": _("Код причины.")},
        "message": {"type": "string", "description": _("Решение словами.")},
        "not_before": {"type": ["string", "null"], "description": _("Раньше не отправится.")},
        "row": {
            "type": ["object", "null"],
            "description": _("Строка, которая уйдёт: столбец CSV и значение."),
            "properties": {},
            "required": [],
            "additionalProperties": {"type": "string"},
        },
    }
    return {"type": "object", "required": list(properties), "properties": properties}
