"""What Metrika's logs say of a row, which stands beside the state of its file.

The state of a sent row is that of the whole file, on every page and in every count. Where the logs
told of the row itself, its own result is a line of its own, and the sentence names the state as the
file's.
"""

from __future__ import annotations

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from calls.decision.reasons import REASONS
from calls.models import Upload
from calls.pages.status_messages import sentence_of, unlinked_note
from calls.queries.display_state import DisplayDelivery
from calls.queries.link_proofs import LINKED, NOT_LINKED, OF_RESULT, Link
from calls.states import DisplayState

State = DisplayState

#: States of a whole file, each with the results that its sentence agrees with.
_AGREES: dict[str, frozenset[str]] = {
    State.ACCEPTED: frozenset({LINKED}),
    State.UNMATCHED: frozenset({NOT_LINKED}),
    State.ACCEPTED_STATIC: frozenset({NOT_LINKED}),
    State.PARTLY_LINKED: frozenset(),
    State.LINK_UNKNOWN: frozenset(),
    State.PARTLY_ACCEPTED: frozenset(),
}
_PROVED = frozenset(OF_RESULT.values())


def row_result(link: Link | None) -> str:
    """Return what the logs say of this row, as a sentence; '' where they say nothing of it."""
    if link is None or link.value not in _PROVED:
        return ""
    return _("%(result)s.") % {"result": capfirst(link.text)}


def is_of_row(delivery: DisplayDelivery, link: Link | None) -> bool:
    """Whether the logs say of this row what the state of its file does not say."""
    if link is None or link.value not in _PROVED or delivery.reason in REASONS:
        return False
    agreed = _AGREES.get(delivery.display_state)
    return agreed is not None and link.value not in agreed


def shown_sentence(delivery: DisplayDelivery, link: Link | None, *, blocker: str) -> str:
    """Return the explanation beside the state; of a proved row, that the state is its file's."""
    if not is_of_row(delivery, link):
        return sentence_of(delivery, blocker=blocker)
    parts = (unlinked_note(delivery), _("Состояние — всего файла."), file_numbers(delivery.upload))
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
