"""A select is drawn as Django's own templates draw it."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.forms.renderers import DjangoTemplates

CHOICES = [
    ("", "Все <счетчики>"),
    (1, 'Окна "Столица" & Ко'),
    ("Группа <b>", [("a", "Первый"), ("b", "Второй")]),
]


class OddSelect(forms.Select):
    """Attributes of options that are set, empty or left out."""

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(*args, **kwargs)
        option["attrs"] |= {"data-is": option["value"] == "a", "disabled": False, "title": '"<'}
        return option


def test_select_equals_that_of_django() -> None:
    select = OddSelect(attrs={"class": "wide", "required": True}, choices=CHOICES)
    ours = select.render("counter", "b", {"id": "id_counter"})
    theirs = select.render("counter", "b", {"id": "id_counter"}, renderer=DjangoTemplates())

    assert "selected" in ours
    assert re.sub(r"\s*\n\s*", "", ours) == re.sub(r"\s*\n\s*", "", theirs)
