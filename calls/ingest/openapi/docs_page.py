"""The context of the page `/api/docs`, made from the OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from cabinets.senders import senders
from calls.ingest.error_codes import CODES, title_of
from calls.ingest.openapi import examples


def sections(document: dict[str, Any], *, source_id: str = "") -> dict[str, Any]:
    """Return the context of `api/docs.html`; the samples name the source of that public id."""
    (path, methods), *_rest = document["paths"].items()
    operation = methods["post"]
    address = document["servers"][0]["url"] + path
    return {
        "info": document["info"],
        "operation": operation,
        "address": address,
        "fields": _fields(document["components"]["schemas"]["Call"]),
        "call_note": document["components"]["schemas"]["Call"]["description"],
        "codes": [(code, title_of(code), one) for code, one in CODES.items()],
        "request_example": _pretty(examples.SEVERAL_CALLS),
        "answer_example": _pretty(examples.ANSWER),
        "source_id": source_id,
        "senders": senders(address=address, source_id=source_id or "src_…"),
        "vector": {
            "secret": examples.VECTOR_SECRET,
            "id": examples.VECTOR_ID,
            "timestamp": examples.VECTOR_TIMESTAMP,
            "body": examples.VECTOR_BODY,
            "signature": examples.VECTOR_SIGNATURE,
        },
    }


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "types": " | ".join(_kinds(field)),
            "required": name in schema["required"],
            "description": field["description"],
            "example": json.dumps(field["examples"][0], ensure_ascii=False),
        }
        for name, field in schema["properties"].items()
    ]


def _kinds(field: dict[str, Any]) -> list[str]:
    """Return the types of a value without "absent", which the page explains once for all fields."""
    none = {"null"} if "items" in field else {"null", "array"}
    return [kind for kind in field["type"] if kind not in none]


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
