"""The moments of delivery at which a sudden death is hardest to survive.

Each step announces that it has got there. Nobody listens: only the processes of the fault tests
set a listener, in their own memory, and no setting or variable leads to it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Moment(StrEnum):
    """In the order in which one upload meets them."""

    #: Rows are attached and the bytes written, the transaction is open.
    BEFORE_BATCH_COMMIT = "before_batch_commit"
    AFTER_BATCH_COMMIT = "after_batch_commit"
    #: A slot of the login is taken, the upload is not.
    BEFORE_CLAIM = "before_claim"
    BEFORE_CLAIM_COMMIT = "before_claim_commit"
    AFTER_CLAIM = "after_claim"
    #: The frozen bytes are in memory, nothing has left.
    BEFORE_REQUEST = "before_request"
    #: Metrika's answer is known, the row does not know it.
    AFTER_ANSWER = "after_answer"
    BEFORE_RECORD_COMMIT = "before_record_commit"
    AFTER_RECORD = "after_record"
    #: The list is read to its end, what follows from it is not recorded.
    DURING_LOOKUP = "during_lookup"
    AFTER_LOOKUP_RECORD = "after_lookup_record"
    DURING_POLL = "during_poll"
    AFTER_POLL_RECORD = "after_poll_record"


listener: Callable[[Moment], None] | None = None


def reach(moment: Moment) -> None:
    """Announce a moment to whoever listens."""
    if listener is not None:
        listener(moment)
