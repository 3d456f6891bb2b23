"""Every reason has all its texts, and each text is defined once."""

from __future__ import annotations

import ast
import collections
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from django.conf import settings
from django.db.models import CharField

from calls.decision.reason import Reason, Rule
from calls.decision.reasons import REASON_TITLES, REASONS, attention_sentence
from calls.decision.rules import RULES
from calls.models import Delivery, Upload
from calls.states import Attention
from tests.paths import ROOT

#: The packages that may show a reason.
PRODUCT = (
    "cabinets",
    "integrations",
    "counters",
    "calls",
    "dashboard",
    "notices",
    "callkeeper_metrika",
)
#: Names under which the translating functions are imported.
TRANSLATE = ("_", "gettext", "gettext_lazy")


def test_rules_that_compare_values_have_a_sentence_for_them() -> None:
    assert [rule.code for rule in RULES if rule.compared and not rule.with_values] == []
    assert [rule.code for rule in RULES if rule.with_values and not rule.compared] == []


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)
def test_reason_of_a_delivery_has_all_its_texts(reason: Reason) -> None:
    assert reason.title
    assert str(reason.sentence).endswith(".")
    assert reason.code in REASON_TITLES
    if isinstance(reason, Rule):
        assert reason.requirement


@pytest.mark.parametrize("attention", Attention)
def test_attention_of_an_upload_has_all_its_texts(attention: Attention) -> None:
    assert attention.label
    assert attention_sentence(attention) == str(attention.sentence)
    assert attention_sentence(attention).endswith(".")
    assert str(REASON_TITLES[attention]) == str(attention.label)


def test_codes_fit_their_columns() -> None:
    reason = cast("CharField[str, str]", Delivery._meta.get_field("reason"))
    attention = cast("CharField[str, str]", Upload._meta.get_field("attention"))

    assert max(map(len, REASONS)) <= (reason.max_length or 0)
    assert max(map(len, Attention.values)) <= (attention.max_length or 0)


def test_no_dict_maps_the_code_of_a_reason_to_a_text() -> None:
    """A reason carries its texts; a dict from codes to texts would be a second place for them."""
    codes = {*REASONS, *Attention.values}

    found = {
        (path.relative_to(ROOT).as_posix(), code)
        for path in product_modules()
        for code in texts_by_code(ast.parse(path.read_text(encoding="utf-8")))
        if code in codes
    }

    assert found == set()


def test_sentence_of_a_reason_is_written_once() -> None:
    """A copy of a sentence in another module, under any name, is found by its text."""
    sentences = {
        str(reason.sentence).replace(settings.SUPPORT_EMAIL, "{support}")
        for reason in (*REASONS.values(), *Attention)
    }

    written = collections.Counter(
        node.value
        for path in product_modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in sentences
    )

    assert written == dict.fromkeys(sentences, 1)


def product_modules() -> Iterator[Path]:
    for app in PRODUCT:
        yield from sorted((ROOT / app).rglob("*.py"))


def texts_by_code(tree: ast.Module) -> Iterator[str]:
    """Yield the keys of dict displays whose value is a translated text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if _is_translated(value):
                    yield from _code_of(key)


def _is_translated(value: ast.expr) -> bool:
    called = value.func if isinstance(value, ast.Call) else None
    return isinstance(called, ast.Name) and called.id in TRANSLATE


def _code_of(key: ast.expr | None) -> Iterator[str]:
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        yield key.value
    if isinstance(key, ast.Attribute) and ast.unparse(key.value) == "Attention":
        yield Attention[key.attr].value
