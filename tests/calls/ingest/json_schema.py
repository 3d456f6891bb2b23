"""Checks a value against the part of JSON Schema that our OpenAPI document uses."""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_KNOWN = frozenset(
    {"$ref", "oneOf", "type", "enum", "required", "properties", "additionalProperties", "items",
     "minItems", "maxItems", "minProperties", "maxProperties",
     "maxLength", "pattern", "description", "examples"}
)  # fmt: skip


def problems(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """Return the violations of the schema, an empty list when the value matches."""
    unknown = schema.keys() - _KNOWN
    assert not unknown, f"this checker does not know {unknown}"
    if "$ref" in schema:
        return problems(value, resolve(schema["$ref"], document), document)
    if "oneOf" in schema:
        tried = [problems(value, one, document) for one in schema["oneOf"]]
        return [] if [] in tried else [f"fits none: {tried}"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{value!r} is not one of {schema['enum']}"]
    if not _has_type(value, schema["type"]):
        return [f"{value!r} is not {schema['type']}"]
    return _inside(value, schema, document)


def resolve(reference: str, document: dict[str, Any]) -> dict[str, Any]:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    assert isinstance(found, dict)
    return found


def _has_type(value: Any, names: str | list[str]) -> bool:
    allowed = [names] if isinstance(names, str) else names
    is_bool = isinstance(value, bool)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # to JSON Schema 1.0 is an integer
    return any(
        isinstance(value, _TYPES[name]) and (name == "boolean" or not is_bool) for name in allowed
    )


def _inside(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    found = []
    if isinstance(value, str):
        found += ["too long"] if len(value) > schema.get("maxLength", len(value)) else []
        found += [] if re.search(schema.get("pattern", ""), value) else ["pattern"]
    if isinstance(value, list):
        found += ["too many"] if len(value) > schema.get("maxItems", len(value)) else []
        found += ["too few"] if len(value) < schema.get("minItems", 0) else []
        items = value if "items" in schema else []
        found += [one for item in items for one in problems(item, schema["items"], document)]
    if isinstance(value, dict):
        properties = schema["properties"]
        most = schema.get("maxProperties", len(value))
        found += [] if schema.get("minProperties", 0) <= len(value) <= most else ["size"]
        found += [f"{name} is missing" for name in schema["required"] if name not in value]
        for name, item in value.items():
            if name in properties:
                found += problems(item, properties[name], document)
            elif not schema.get("additionalProperties"):
                found.append(f"{name} is not described")
    return found
