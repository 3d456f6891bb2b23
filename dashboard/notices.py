"""What needs a person, with a link to where it is settled."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from calls.queries.empty_fields import empty_fields, empty_text
from integrations.limits import outages
from integrations.limits.outage_words import sentence_of


@dataclass(frozen=True)
class Notice:
    """Something that needs a person, and a link to where it is settled."""

    text: str
    url: str
    label: str


def about_empty_fields(cabinet: Cabinet) -> list[Notice]:
    """Return a notice for each field that a source has stopped to fill, in one query."""
    return [
        Notice(
            _("Источник «%(name)s»: %(sentence)s")
            % {"name": one.source.name, "sentence": empty_text(one)},
            reverse("calls:source", args=[one.source_id]),
            _("К источнику"),
        )
        for one in empty_fields(cabinet)
    ]


def about_yandex() -> list[Notice]:
    """Return a notice for each way in which Yandex fails for many now, in one query."""
    return [
        Notice(sentence_of(one), reverse("status"), _("Состояние сервиса"))
        for one in outages.current()
    ]
