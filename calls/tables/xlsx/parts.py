"""Which sheets a workbook has, and the formats of its cells. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from zipfile import BadZipFile

from django.utils.translation import gettext as _

from cabinets.quotes import quoted
from calls.ingest.parsing.file_format import UnreadableListing
from calls.tables.xlsx.numbers import Format, format_of
from calls.tables.xlsx.package import Package

ROOT_LINKS = "_rels/.rels"
MAX_SHEETS = 1000
MAX_FORMATS = 100_000


@dataclass
class Parts:
    """``sheets``: name → part, those that are shown first."""

    sheets: dict[str, str] = field(default_factory=dict)
    strings: str | None = None
    styles: str | None = None
    is_1904: bool = False

    def sheet(self, name: str | None) -> tuple[str, str]:
        """Return the name and the part of a sheet, by default the first one that is shown."""
        if not self.sheets:
            raise UnreadableListing(_("В файле Excel нет листов с таблицей."))
        chosen = next(iter(self.sheets)) if name is None else name
        if chosen not in self.sheets:
            sentence = _("Нет листа «%(name)s». Есть: %(known)s.")
            known = ", ".join(quoted(one) for one in self.sheets)
            raise UnreadableListing(sentence % {"name": chosen[:100], "known": known[:500]})
        return chosen, self.sheets[chosen]


def read_parts(package: Package) -> Parts:
    """Return the parts of the workbook."""
    roots = _links(package, ROOT_LINKS, "")
    workbook = next((target for kind, target in roots.values() if kind == "officeDocument"), None)
    if workbook is None or not workbook.endswith(".xml"):
        raise UnreadableListing(_not_a_workbook())
    folder, name = posixpath.split(workbook)
    links = _links(package, f"{folder}/_rels/{name}.rels".lstrip("/"), folder)
    parts = Parts()
    for kind, target in links.values():
        if kind == "sharedStrings":
            parts.strings = target
        elif kind == "styles":
            parts.styles = target
    _read_sheets(package, workbook, links, parts)
    return parts


def read_formats(package: Package, part: str | None) -> list[Format]:
    """Return the format of each style of a cell."""
    codes: dict[int, str] = {}
    numbers: list[int] = []
    place = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal place
        if tag in ("cellXfs", "cellStyleXfs", "dxfs"):
            place = tag
        elif tag == "numFmt" and place != "dxfs":
            codes[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif tag == "xf" and place == "cellXfs" and len(numbers) < MAX_FORMATS:
            numbers.append(_number(attributes.get("numFmtId")))

    if part is not None and package.has(part):
        package.parse(part, start)
    return [format_of(number, codes.get(number)) for number in numbers]


def _read_sheets(
    package: Package, workbook: str, links: dict[str, tuple[str, str]], parts: Parts
) -> None:
    hidden: dict[str, str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "workbookPr":
            parts.is_1904 = attributes.get("date1904") in ("1", "true")
        elif tag == "sheet":
            link = next((v for k, v in attributes.items() if k.rpartition(":")[2] == "id"), "")
            kind, target = links.get(link, ("", ""))
            is_shown = attributes.get("state", "visible") == "visible"
            if kind == "worksheet" and len(parts.sheets) < MAX_SHEETS:
                (parts.sheets if is_shown else hidden)[attributes.get("name", "")] = target

    package.parse(workbook, start)
    parts.sheets |= hidden


def _links(package: Package, part: str, folder: str) -> dict[str, tuple[str, str]]:
    """Return the targets of a part by their ids, each with the last word of its type."""
    links: dict[str, tuple[str, str]] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
            kind = attributes.get("Type", "").rpartition("/")[2]
            links[attributes.get("Id", "")] = (kind, target.lstrip("/"))

    if not package.has(part):
        raise UnreadableListing(_not_a_workbook())
    package.parse(part, start)
    return links


def _number(text: str | None) -> int:
    try:
        return int(text or "0")
    except ValueError:
        raise BadZipFile("a format without a number") from None


def _not_a_workbook() -> str:
    return _("Это архив ZIP, а не файл Excel: распакуйте его и выберите файл из него.")
