"""How far the calls of changed counters are decided again: see `calls.delivery.redecision`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from calls.models import Redecision


@dataclass(frozen=True)
class Progress:
    """Rows of one counter that are decided again; ``total`` is None before they are counted."""

    done: int
    total: int | None

    @property
    def sentence(self) -> str:
        """Return in Russian what is done now and what it means for calls that wait."""
        text = _(
            "Пересчитываем звонки по новым настройкам%(progress)s. До конца пересчёта звонки, "
            "которые ждут отправки, не отправляются."
        )
        return text % {"progress": self._numbers()}

    def _numbers(self) -> str:
        if not self.total:
            return ""
        # Rows that were being stored by the former settings were not counted.
        done, total = min(self.done, self.total), self.total
        text = _(": %(done)s из %(total)s")
        return text % {"done": grouped(done), "total": grouped(total)}


def grouped(number: int) -> str:
    """Return the number with its thousands set apart."""
    return number_format(number, force_grouping=True)


def progress_of(counter_ids: Iterable[int]) -> dict[int, Progress]:
    """Return the progress by counter id, in one query; counters without are left out."""
    rows = Redecision.objects.filter(counter_id__in=list(counter_ids))
    return {
        pk: Progress(done, total)
        for pk, done, total in rows.values_list("counter_id", "done", "total")
    }
