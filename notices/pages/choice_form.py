"""The form in which a person chooses what they are sent, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cabinets.models import Membership
from notices.choices import choice_of, groups_of
from notices.kinds import GROUPS, Group
from notices.models import Medium, NoticeChoice

_REFUSED = {"invalid_choice": _("Выберите из предложенного.")}


@dataclass(frozen=True)
class Cell:
    """A checkbox of the table: a group of notices by a medium."""

    field: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class KindRow:
    """A kind of a group: its name and the code of its help page."""

    name: str
    code: str


@dataclass(frozen=True)
class Row:
    """A group of notices with the kinds that are in it, and its checkboxes."""

    value: str
    label: str
    kinds: list[KindRow]
    cells: list[Cell]


def _kinds_of(group: Group) -> list[KindRow]:
    """Return the kinds of the group."""
    return [KindRow(str(kind.label), kind.value) for kind, its in GROUPS.items() if its is group]


class ChoiceForm(forms.Form):
    """Groups by medium, and the digest. Media that do not reach the person keep their choice."""

    email = forms.MultipleChoiceField(choices=Group, required=False, error_messages=dict(_REFUSED))
    telegram = forms.MultipleChoiceField(
        choices=Group, required=False, error_messages=dict(_REFUSED)
    )
    digest = forms.ChoiceField(
        choices=NoticeChoice.Digest,
        label=_("Сводка"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Выберите, как часто присылать сводку."), **_REFUSED},
    )

    def __init__(self, *args: Any, membership: Membership, reachable: Sequence[Medium]) -> None:
        self.membership, self.reachable = membership, reachable
        chosen = {medium.value: list(groups_of(membership, medium)) for medium in reachable}
        initial = chosen | {"digest": choice_of(membership).digest}
        super().__init__(*args)
        self.initial = initial

    def rows(self) -> list[Row]:
        """Return the table of all groups, with checkboxes as they were posted or are stored."""
        values = {medium: self[medium.value].value() or [] for medium in self.reachable}
        return [
            Row(
                group.value,
                str(group.label),
                _kinds_of(group),
                [
                    Cell(medium.value, str(medium.label), group.value in values[medium])
                    for medium in self.reachable
                ],
            )
            for group in Group
        ]

    def save(self) -> None:
        """Store the choice of the media that were offered."""
        values: dict[str, Any] = {"digest": self.cleaned_data["digest"]}
        for medium in self.reachable:
            values[f"{medium.value}_groups"] = self.cleaned_data[medium.value]
        NoticeChoice.objects.update_or_create(membership=self.membership, defaults=values)
