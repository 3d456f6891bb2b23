"""What a person chose on the page of a file: columns, sheet, encoding and delimiter."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from calls.mapping import OUR_FIELDS, PRESETS, Mapping
from calls.mapping.field_mapping import usable_fields
from calls.models import FileImport
from calls.pages.sources.mapping_form import MAIN

#: Names of the selects.
PREFIX = "field-"
#: Codecs, as the reader of tables names them.
ENCODINGS = (
    ("utf-8-sig", "UTF-8"),
    ("cp1251", "Windows-1251"),
    ("utf-16", "UTF-16"),
    ("utf-16-le", "UTF-16 LE"),
    ("utf-16-be", "UTF-16 BE"),
    ("koi8-r", "KOI8-R"),
    ("cp866", "CP866 (DOS)"),
)
DELIMITERS = (
    (";", _("точка с запятой")),
    (",", _("запятая")),
    ("\t", _("табуляция")),
    ("|", _("вертикальная черта")),
)


def chosen_mapping(data: QueryDict, one: FileImport) -> Mapping | None:
    """Return the mapping that the selects say, of columns that the file has.

    None when the form had no selects.
    """
    came = {one.name: data.get(f"{PREFIX}{one.name}") for one in OUR_FIELDS}
    if all(path is None for path in came.values()):
        return None
    preset = data.get("preset", "")
    known = {name: path for name, path in came.items() if path in one.header}
    return Mapping(usable_fields(known), preset if preset in PRESETS else "")


def chosen_options(data: QueryDict, one: FileImport) -> dict[str, str]:
    """Return how the file is to be read; what is not offered is left to the reader."""
    sheet, encoding, delimiter = (data.get(name, "") for name in ("sheet", "encoding", "delimiter"))
    return {
        "sheet": sheet if sheet in one.sheets else "",
        "encoding": encoding if encoding in dict(ENCODINGS) else "",
        "delimiter": delimiter if delimiter in dict(DELIMITERS) else "",
    }


def field_rows(one: FileImport) -> list[dict[str, Any]]:
    """Return a row for every field of ours; none while the columns are not known.

    Those that are seldom mapped are folded, unless a column is chosen for them.
    """
    if not one.header:
        return []
    mapping = one.mapping or {}
    return [
        {
            "name": f"{PREFIX}{field.name}",
            "id": f"id_{PREFIX}{field.name}",
            "label": field.label,
            "path": mapping.get(field.name, ""),
            "is_folded": field.name not in MAIN and field.name not in mapping,
        }
        for field in OUR_FIELDS
    ]


def option_rows(one: FileImport) -> list[dict[str, Any]]:
    """Return the selects for how the file is read; those that concern its kind, if it is known."""
    rows = []
    if one.kind == "xlsx" and len(one.sheets) > 1:
        rows.append(_row("sheet", _("Лист"), one.sheet, [(name, name) for name in one.sheets]))
    if one.kind != "xlsx":
        rows.append(_row("encoding", _("Кодировка"), one.encoding, ENCODINGS))
    if one.kind in ("csv", ""):
        rows.append(_row("delimiter", _("Разделитель столбцов"), one.delimiter, DELIMITERS))
    return rows


def _row(name: str, label: Any, value: str, choices: Any) -> dict[str, Any]:
    return {
        "name": name,
        "id": f"id_{name}",
        "label": label,
        "value": value,
        "choices": [("", _("определить самим")), *choices],
    }
