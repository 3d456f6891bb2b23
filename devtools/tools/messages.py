"""Brings the English catalogue up to date with the texts of the product.

`python -m devtools.tools.messages` adds new texts without a translation, drops those that are not
used any more, and prints what is not translated. Texts are found without GNU gettext: by the syntax
tree of Python, and by Django's own conversion of templates.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "locale/en/LC_MESSAGES/django.po"
APPS = ("accounts", "cabinets", "integrations", "counters", "calls", "notices", "doctor")
PACKAGES = (*APPS, "help", "dashboard", "callkeeper_metrika")
SINGULAR = {"gettext", "gettext_lazy", "gettext_noop", "_"}
PLURAL = {"ngettext", "ngettext_lazy"}
CONTEXT = {"pgettext", "pgettext_lazy"}
HEADER = r"""# English texts of the interface; `python -m devtools.tools.messages` renews them.
msgid ""
msgstr ""
"Language: en\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""
# What Django's conversion of a template writes: a call with literals.
_CALL = re.compile(r"(?<![\w.])(_|gettext|ngettext|pgettext|npgettext)\(")


@dataclass(frozen=True)
class Message:
    """A text as it stands in the source: its file, and its plural and context if it has them."""

    place: str
    text: str
    plural: str = ""
    context: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it in a catalogue."""
        return self.context, self.text


def messages_of_product() -> list[Message]:
    """Return every text of the product, in the order of the files."""
    sources = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    templates = sorted(ROOT.glob("templates/**/*.html")) + sorted(ROOT.glob("templates/**/*.txt"))
    return [
        *(one for path in sources for one in _in_python(path)),
        *(one for path in templates for one in _in_template(path)),
    ]


def read_catalogue() -> Catalog:
    """Return the English catalogue; an empty one when there is none yet."""
    if not CATALOGUE.exists():
        return Catalog(locale="en", fuzzy=False)
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="en")


def renewed(current: Catalog, messages: Iterable[Message]) -> Catalog:
    """Return a catalogue of these messages with the translations of the ``current`` one."""
    new = Catalog(locale="en", project="CallKeeper", fuzzy=False)
    for one in messages:
        entry = current.get(one.text, one.context or None)
        text = (one.text, one.plural) if one.plural else one.text
        translated = entry.string if entry is not None else ""
        if one.plural and not isinstance(translated, tuple | list):
            translated = ("", "")
        new.add(text, translated, locations=[(one.place, 0)], context=one.context or None)
    return new


def write_catalogue(catalogue: Catalog) -> None:
    """Write the catalogue, sorted by text, with a header that does not change with time."""
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    with CATALOGUE.open("wb") as file:
        file.write(HEADER.encode())
        write_po(file, catalogue, sort_output=True, width=100, omit_header=True)


def untranslated(catalogue: Catalog) -> list[str]:
    """Return the texts without a complete translation."""
    return [str(one.id) for one in catalogue if one.id and not _is_complete(one.string)]


def _is_complete(translation: object) -> bool:
    if isinstance(translation, tuple | list):
        return all(translation)
    return bool(translation)


def _in_python(path: Path) -> Iterator[Message]:
    place = str(path.relative_to(ROOT))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield from _of_call(place, _name(node.func), _literals(node.args))


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _literals(arguments: Iterable[ast.expr]) -> list[str]:
    found: list[str] = []
    for one in arguments:
        if not (isinstance(one, ast.Constant) and isinstance(one.value, str)):
            break
        found.append(one.value)
    return found


def _in_template(path: Path) -> Iterator[Message]:
    from django.utils.translation.template import templatize

    place = str(path.relative_to(ROOT))
    converted = templatize(path.read_text(encoding="utf-8"))
    for match in _CALL.finditer(converted):
        yield from _of_call(place, match[1], _literals_at(converted, match.end()))


def _literals_at(text: str, start: int) -> list[str]:
    """Return the string literals at the beginning of the arguments of a call."""
    literal = re.compile(r"""\s*u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*,?""", re.DOTALL)
    found: list[str] = []
    while match := literal.match(text, start):
        found.append(ast.literal_eval(match[1].replace("\n", "\\n")))
        start = match.end()
    return found


def _of_call(place: str, name: str, literals: list[str]) -> Iterator[Message]:
    if name in SINGULAR and literals:
        yield Message(place, literals[0])
    elif name in PLURAL and len(literals) > 1:
        yield Message(place, literals[0], plural=literals[1])
    elif name in CONTEXT and len(literals) > 1:
        yield Message(place, literals[1], context=literals[0])


def main() -> None:
    """Rewrite the catalogue; the exit code is 1 while something is not translated."""
    catalogue = renewed(read_catalogue(), messages_of_product())
    write_catalogue(catalogue)
    missing = untranslated(catalogue)
    print("\n".join(missing))
    print(f"{len(catalogue)} texts, {len(missing)} not translated.")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
