"""One spelling of each word, with or without «ё», and the address of support beside its name."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from calls.states import Attention
from tests.paths import ROOT

SHOWN = (
    "accounts",
    "cabinets",
    "callkeeper_metrika",
    "calls",
    "counters",
    "dashboard",
    "notices",
    "doctor",
    "help",
    "devtools",
    "integrations",
    "static",
    "templates",
)
#: The stand-in has words of its own: it is somebody else's.
APART = ROOT / "devtools" / "sandbox"
FILES = [
    path
    for folder in SHOWN
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".html", ".js", ".txt", ".toml") and APART not in path.parents
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_counter_is_spelled_as_in_callkeeper(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()

    assert "счётчик" not in text


#: Different words: «все» and «всё», «всем» and «всём».
TWO_WORDS = {"все", "всем", "чем"}
SUPPORT = re.compile("поддержк", re.IGNORECASE)
#: Texts that name support as the author of a change, not as a contact.
NAMES = {
    "CallKeeper · поддержка",
    "Поддержка",
    "Поддержка CallKeeper",
    "Поддержка добавила запись",
    "Поддержка изменила запись",
    "Поддержка и бывшие участники",
}


def texts(path: Path) -> Iterator[str]:
    """Yield the string literals of a module, or the whole text of any other file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield text
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_word_has_one_spelling() -> None:
    spellings: dict[str, set[str]] = defaultdict(set)
    for path in FILES:
        for text in texts(path):
            for word in re.findall(r"\b[а-яё]{2,}\b", text.lower()):
                spellings[word.replace("ё", "е")].add(word)

    two = {word for word, ways in spellings.items() if len(ways) > 1}
    assert two - TWO_WORDS == set()
    assert spellings["еще"] == {"ещё"}
    assert spellings["счетчик"] == {"счетчик"}


def test_identifiers_in_sentences_are_spelled_as_metrika_does() -> None:
    """`ClientId` and `UserId` are names of columns; sentences have ClientID and UserID."""
    wrong = [
        (path.name, text.strip()[:80])
        for path in FILES
        for text in texts(path)
        for sentence in re.findall(r"[^\n]*[а-яё] (?:ClientId|UserId)\b[^\n]*", text)
        if sentence
    ]

    assert wrong == []


def names_support(path: Path, text: str) -> bool:
    """Return whether a sentence about support gives its address."""
    return ("{% support_email" if path.suffix == ".html" else "support") in text


def test_support_is_named_with_its_address() -> None:
    without = [
        (path.name, text.strip()[:80])
        for path in FILES
        for text in texts(path)
        if SUPPORT.search(text) and text not in NAMES and not names_support(path, text)
    ]

    assert without == []


@pytest.mark.django_db
def test_address_of_support_is_a_setting(settings: Settings) -> None:
    settings.SUPPORT_EMAIL = "help@callkeeper.example"

    page = Client().get("/accounts/password/sent/").content.decode()

    assert '<a href="mailto:help@callkeeper.example">help@callkeeper.example</a>' in page
    assert str(Attention.DAMAGED.sentence) == (
        "Сохранённый файл отличается от собранного и не отправлен. Сообщите в поддержку"
        " CallKeeper: help@callkeeper.example."
    )
