"""The state of a row that Metrika's logs have proved: its own result goes before that of its file.

The display state of a sent row is that of the whole file, and is what filters and counts use. Where
the logs say otherwise of the row, every page shows this result and names the state as the file's.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.reasons import REASONS
from calls.models import Upload
from calls.pages.help_codes import help_code_of
from calls.pages.status_messages import sentence_of, title_of, unlinked_note
from calls.queries.display_state import DisplayDelivery
from calls.queries.link_proofs import ABSENT, LINKED, NOT_LINKED, TONES, Link
from calls.states import DisplayState

State = DisplayState

#: States of a whole file, each with the results that agree with it.
_AGREES: dict[str, frozenset[str]] = {
    State.ACCEPTED: frozenset({LINKED}),
    State.UNMATCHED: frozenset({NOT_LINKED}),
    State.ACCEPTED_STATIC: frozenset({NOT_LINKED}),
    State.PARTLY_LINKED: frozenset(),
    State.LINK_UNKNOWN: frozenset(),
    State.PARTLY_ACCEPTED: frozenset(),
}
_TITLES: dict[str, str | Promise] = {
    LINKED: State.ACCEPTED.label,
    NOT_LINKED: State.UNMATCHED.label,
    ABSENT: gettext_lazy("В логах Метрики нет"),
}


def is_of_row(delivery: DisplayDelivery, link: Link | None) -> bool:
    """Whether the logs say of this row what the state of its file does not say."""
    if link is None or link.value not in _TITLES or delivery.reason in REASONS:
        return False
    agreed = _AGREES.get(delivery.display_state)
    return agreed is not None and link.value not in agreed


def proved_badge(link: Link) -> tuple[str, str]:
    """Return the words and the tone of a row's own result."""
    return str(_TITLES[link.value]), TONES[link.value]


def shown_sentence(delivery: DisplayDelivery, link: Link | None, *, blocker: str) -> str:
    """Return the explanation beside the state; of a proved row it is what its file's state is."""
    if not is_of_row(delivery, link):
        return sentence_of(delivery, blocker=blocker)
    of_file = _("Состояние всего файла — «%(state)s».") % {"state": title_of(delivery)}
    parts = (unlinked_note(delivery), of_file, file_numbers(delivery.upload))
    return " ".join(filter(None, parts))


def file_numbers(upload: Upload | None) -> str:
    """Return how many rows of the file Metrika took and linked; '' where it did not tell."""
    if upload is None:
        return ""
    words = {"lines": upload.line_quantity, "linked": upload.linked_rows, "rows": upload.rows}
    taken = linked = ""
    if upload.line_quantity is not None and upload.line_quantity < upload.rows:
        taken = _("В нём принято %(lines)d из %(rows)d.") % words
    if upload.linked_rows is not None:
        linked = _("В нём привязано %(linked)d из %(rows)d.") % words
    return " ".join(filter(None, [taken, linked]))


def shown_help_code(delivery: DisplayDelivery, link: Link | None) -> str:
    """Return the code of the help page about the sentence; '' for none."""
    if link is None or not is_of_row(delivery, link):
        return help_code_of(delivery)
    return "unmatched" if link.value == NOT_LINKED else "linked"
