"""The OpenAPI 3.1 document of `POST /api/v1/calls`, written by hand."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from calls.decision.attempts import JUDGED_ATTEMPTS
from calls.ingest.error_codes import OF_REQUESTS, title_of
from calls.ingest.middleware import JSON, PROBLEM
from calls.ingest.openapi import examples, preview_schema
from calls.ingest.openapi.call_schema import Schema, call_schema
from calls.ingest.signatures import MAX_ID_LENGTH

ITEM_STATUSES = ("created", "updated", "duplicate", "rejected")
#: Statuses that come with Retry-After.
RETRIED = (429, 503)


def document() -> dict[str, Any]:
    """Return the document, in the language of the request."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": _("Приём звонков CallKeeper"),
            "version": "1",
            "description": _(
                "Сюда присылают завершённые звонки; дальше они уходят в Яндекс Метрику по "
                "настройкам счетчиков кабинета."
            ),
        },
        "servers": [{"url": settings.PUBLIC_URL}],
        "paths": {reverse("calls:ingest"): {"post": _operation()}},
        "components": {"schemas": _schemas()},
    }


def _operation() -> dict[str, Any]:
    return {
        "operationId": "postCalls",
        "summary": _("Прислать один или до 500 звонков"),
        "parameters": _parameters(),
        "requestBody": {
            "required": True,
            "description": _(
                "JSON в UTF-8, до %(bytes)d байт: с Content-Length или частями (Transfer-Encoding: "
                "chunked), без сжатия (Content-Encoding: identity можно). Вместо calls принимаются "
                "и список без имени, и payload, как в ответе API CallKeeper."
            )
            % {"bytes": settings.INGEST_MAX_BYTES},
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [_ref("Calls"), _ref("Call")],
                    },
                    "examples": {
                        "one": {"value": examples.ONE_CALL},
                        "several": {"value": examples.SEVERAL_CALLS},
                    },
                }
            },
        },
        "responses": {"200": preview_schema.response(), "202": _accepted()} | _refusals(),
    }


def _parameters() -> list[dict[str, Any]]:
    return [*_headers(), *_query_parameters()]


def _headers() -> list[dict[str, Any]]:
    return [
        _parameter(
            "webhook-id",
            _("Номер доставки: новый для каждой, тот же при каждом её повторе."),
            {"type": "string", "maxLength": MAX_ID_LENGTH},
        ),
        _parameter(
            "webhook-timestamp",
            _(
                "Время отправки, целые секунды Unix, десять цифр: не миллисекунды, не дробь и не "
                "дата; расхождение до 300 секунд."
            ),
            {"type": "string", "pattern": "^[0-9]{1,10}$"},
        ),
        _parameter(
            "webhook-signature",
            _(
                "v1, и base64 от HMAC-SHA256 строки «webhook-id.webhook-timestamp.тело». Подписей "
                "может быть несколько, через пробел: так меняют секрет без перерыва."
            ),
            {"type": "string"},
        ),
        _parameter(
            "X-CallKeeper-Source",
            _(
                "Идентификатор источника. Без него источник ищется по подписи, если их в системе "
                "не больше двадцати."
            ),
            {"type": "string"},
            required=False,
        ),
    ]


def _query_parameters() -> list[dict[str, Any]]:
    return [
        _parameter(
            "source",
            _("Идентификатор источника в адресе: читается, если нет X-CallKeeper-Source."),
            {"type": "string"},
            place="query",
            required=False,
        ),
        *(
            _parameter(
                name,
                member["description"],
                {"type": "string", "enum": ["1", "0"]},
                place="query",
                required=False,
            )
            for name, member in preview_schema.members().items()
        ),
    ]


def _parameter(
    name: str, description: str, schema: Schema, *, place: str = "header", required: bool = True
) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": description,
        "schema": schema,
    }


def _accepted() -> dict[str, Any]:
    return {
        "description": _("Принято и сохранено; итог по каждому звонку."),
        "content": {
            "application/json": {"schema": _ref("Answer"), "example": examples.ANSWER},
        },
    }


def _refusals() -> dict[str, Any]:
    """Return the responses of every status of a refused request, by the table of codes."""
    statuses = sorted({one.status for one in OF_REQUESTS.values() if one.status})
    return {str(status): _refusal(status) for status in statuses}


def _refusal(status: int) -> dict[str, Any]:
    titles = [
        f"{code}: {title_of(code)}" for code, one in OF_REQUESTS.items() if one.status == status
    ]
    problem = {"schema": _ref("Refusal")}
    response = {
        "description": f"{'; '.join(titles)}. {_('Ничего не сохранено.')}",
        "content": {JSON: problem, PROBLEM: problem},
    }
    return response | ({"headers": _retry()} if status in RETRIED else {})


def _retry() -> dict[str, Any]:
    return {
        "Retry-After": {
            "description": _("Через сколько секунд повторить."),
            "schema": {"type": "integer"},
        }
    }


def _schemas() -> dict[str, Schema]:
    return preview_schema.schemas(_result()) | {
        "Call": call_schema(),
        "Calls": _object(
            {
                "calls": {
                    "type": ["array", "object"],
                    "items": _ref("Call"),
                    "minItems": 1,
                    "maxItems": settings.INGEST_MAX_CALLS,
                    "minProperties": 1,
                    "maxProperties": settings.INGEST_MAX_CALLS,
                    "properties": {},
                    "required": [],
                    "additionalProperties": _ref("Call"),
                    "description": _(
                        "Список. Можно и объект, имена в котором — номера мест: так PHP пишет "
                        "список с пропусками."
                    ),
                }
            }
            | preview_schema.members(),
            required=["calls"],
        ),
        "Error": _error_schema(),
        "Warning": _warning_schema(),
        "Result": _result(),
        "Answer": _object(
            {
                "results": {"type": "array", "items": _ref("Result")},
                "duplicate": {
                    "type": "boolean",
                    "description": _("Ничего нового не пришло: всё это уже было."),
                },
            }
        ),
        "Refusal": _refusal_schema(),
    }


def _refusal_schema() -> Schema:
    """Return the schema of a problem document (RFC 9457) with ``error`` of earlier versions."""
    members = {
        "error": _ref("Error"),
        "type": _text(_("Адрес описания кода: вид ошибки по RFC 9457.")),
        "title": _text(_("Что значит код, в нескольких словах.")),
        "status": {"type": "integer", "description": _("Статус ответа.")},
        "detail": _text(_("То же, что error.message: что пришло и что нужно.")),
        "code": _text(_("То же, что error.code: постоянное слово для программ.")),
        "doc_url": _text(_("Адрес описания кода.")),
    }
    results = {"results": {"type": "array", "items": _ref("Result")}}
    return _object(members | results, required=list(members))


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _error_schema() -> Schema:
    return {
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": _text(_("Постоянное слово для программ.")),
            "message": _text(_("Предложение для людей.")),
            "field": _text(_("Поле записи звонка.")),
            "doc_url": _text(_("Адрес описания кода.")),
        },
    }


def _warning_schema() -> Schema:
    error = _error_schema()
    numbers: dict[str, Schema] = {name: {"type": "integer"} for name in ("order", "count")}
    values = _object(numbers) | {"description": _("Числа, которые названы в message.")}
    return error | {
        "properties": error["properties"] | {"values": values},
        "description": _(
            "Запись принята, но в ней ошибка. too_many_attempts: у заказа обратного звонка больше "
            "%(count)d попыток, и последняя выбирается только из %(count)d самых новых."
        )
        % {"count": JUDGED_ATTEMPTS},
    }


def _result() -> Schema:
    return _object(
        {
            "index": {"type": "integer", "description": _("Место записи в запросе, с нуля.")},
            "universalId": {
                "type": ["string", "null"],
                "description": _("Номер, под которым звонок сохранён; null — номера не прочитано."),
            },
            "status": {
                "enum": list(ITEM_STATUSES),
                "description": _(
                    "rejected с кодом identity_conflict — под известным номером пришёл другой "
                    "звонок: с другим телефоном или с началом, которое отличается больше чем на "
                    "5 секунд и не на целые четверти часа, как при исправленном часовом поясе. "
                    "Первый остаётся, этот не сохраняется."
                ),
            },
            "call_id": {"type": "integer", "description": _("Номер звонка в кабинете.")},
            "error": _ref("Error"),
            "warning": _ref("Warning"),
        },
        required=["index", "universalId", "status"],
    )


def _object(properties: dict[str, Schema], *, required: list[str] | None = None) -> Schema:
    return {
        "type": "object",
        "required": list(properties) if required is None else required,
        "properties": properties,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
