"""What the question before «Отправить не отправленные» says: how many go, why the others do not."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from calls.bulk.orders import Counted
from calls.decision.reasons import REASONS
from calls.delivery.send_orders import SendCounts
from calls.queries.redecision import grouped


@dataclass(frozen=True)
class Sending:
    """``shown``: what the history shows; ``counts``: what becomes of the calls that are judged."""

    shown: Counted
    counts: SendCounts

    @property
    def sentence(self) -> str:
        """How many of the calls that are shown go."""
        rest = self.shown.calls - self.counts.sent
        values = {"shown": self.shown.calls, "sent": self.counts.sent, "rest": rest}
        if self.shown.is_more:
            text = _("Отобрано отправок больше %(rows)s. Уйдёт звонков: %(sent)s.")
        elif self.shown.rows != self.shown.calls:
            text = _(
                "Отобрано отправок: %(rows)s, в них звонков: %(shown)s. Уйдёт: %(sent)s. Не уйдёт: "
                "%(rest)s."
            )
        else:
            text = _("Отобрано звонков: %(shown)s. Уйдёт: %(sent)s. Не уйдёт: %(rest)s.")
        values["rows"] = self.shown.rows
        return text % {name: grouped(number) for name, number in values.items()}

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """Why the others do not go, and how many calls each reason keeps; those of 0 left out."""
        counts = self.counts
        not_judged = 0 if self.shown.is_more else self.shown.calls - counts.total
        found = [
            (_("Отправлены, в очереди, пробные или остановлены не настройками"), not_judged),
            (_("Уже отправлены или ждут отправки"), counts.already),
            (_("Прошёл 21 день"), counts.late),
        ]
        found += [
            (str(REASONS[code].title) if code in REASONS else code, calls)
            for code, calls in counts.refused.items()
        ]
        return [(title, grouped(calls)) for title, calls in found if calls > 0]
