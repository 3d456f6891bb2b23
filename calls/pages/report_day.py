"""A line of the comparison with Metrika's reports: a day or the sum of some, with its links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from calls.pages import report_words as words
from calls.pages.funnel_steps import TO_SEND
from calls.queries.ledger_filters import NOT_SENT
from calls.queries.link_proofs import NOT_LINKED
from calls.reconciliation.by_logs import ProvedDay, names_all
from calls.reconciliation.own_side import OwnDay
from calls.reconciliation.verdict import Verdict
from calls.states import DisplayState


@dataclass(frozen=True)
class DayLine:
    """One day: our numbers, the report's, and what follows from them."""

    own: OwnDay
    url: str
    #: None when there is no number to compare with; ``problem`` says why.
    reported: int | None
    verdict: Verdict | None
    problem: str | Promise = ""
    is_notable: bool = False
    #: The ledger with the calls of each number, by the name of `OwnDay`: see `_ledger_urls`.
    ledger: Mapping[str, str] = field(default_factory=dict)
    proved: ProvedDay = field(default_factory=ProvedDay)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was sent and nothing is in the report."""
        return not self.own.sent and not self.own.accepted_high and not self.reported

    @property
    def accepted(self) -> str:
        """Accepted rows: a number, or a range."""
        return words.counts_text(self.own.accepted_low, self.own.accepted_high)

    @property
    def linked(self) -> str:
        """Linked rows: a number, or a range."""
        return words.counts_text(self.own.linked_low, self.own.linked_high)

    @property
    def linked_note(self) -> str:
        """What the logs say beside it; '' if they say nothing."""
        if names_all(self.own, self.proved):
            return _("по логам")
        if not self.proved.rows:
            return ""
        counts = {"linked": self.proved.linked, "rows": self.proved.rows}
        return _("по логам: %(linked)d из %(rows)d проверенных") % counts

    @property
    def unlinked_url(self) -> str:
        """The ledger with the rows that have no visit by the logs; '' where there are none."""
        every = self.ledger.get("received", "")
        return (
            f"{every}&link={NOT_LINKED}" if every and self.proved.linked < self.proved.rows else ""
        )

    @property
    def kept(self) -> int:
        """Rows that are not to be sent."""
        return max(0, self.own.received - self.own.to_send)

    @property
    def kept_url(self) -> str:
        """The ledger with exactly these; '' where there are none."""
        every = self.ledger.get("received", "")
        states = [state for state in DisplayState if state not in TO_SEND]
        return f"{every}&{urlencode({'state': ','.join(states)})}" if every and self.kept else ""

    @property
    def unsent(self) -> int:
        """Rows to be sent that Metrika has not got."""
        return max(0, self.own.to_send - self.own.sent)

    @property
    def unsent_url(self) -> str:
        """The ledger with exactly these; '' where there are none."""
        every = self.ledger.get("received", "")
        if not every or not self.unsent:
            return ""
        return f"{every}&{urlencode({'state': ','.join(TO_SEND), 'stage': NOT_SENT})}"

    @property
    def difference_url(self) -> str:
        """The ledger with the rows without a visit by the logs, if they are as many as are missing.

        '' otherwise: which calls the report lacks, it does not tell.
        """
        if self.verdict is None or self.own.static or not self.proved.no_visit:
            return ""
        bounds = {self.verdict.difference_low, self.verdict.difference_high}
        if bounds != {-self.proved.no_visit}:
            return ""
        return self.unlinked_url

    @property
    def reported_text(self) -> str:
        """What the report says."""
        return "—" if self.reported is None else number_format(self.reported)

    @property
    def difference(self) -> str:
        """Report less accepted rows."""
        return words.difference_text(self.verdict) if self.verdict else "—"

    @property
    def causes(self) -> list[str]:
        """Possible causes, or why the day is not comparable."""
        return words.cause_words(self.verdict) if self.verdict else [str(self.problem)]

    @property
    def badge(self) -> tuple[str, str]:
        """Tone and text."""
        if self.verdict is None:
            return "neutral", str(words.NOT_COMPARABLE)
        if self.is_empty:
            return "neutral", str(words.NOTHING)
        return words.badge_of(self.verdict, is_notable=self.is_notable)
