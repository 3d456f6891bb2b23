"""Failpoints: named places in delivery where a test can stop or kill the process.

Each step calls `failpoint` with its name. Only the processes of the fault tests set `listener`, in
their own memory; no setting or environment variable leads to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

#: In the order in which one upload reaches them.
Name = Literal[
    # Rows are attached and the bytes stored, the transaction is open.
    "before_batch_commit",
    "after_batch_commit",
    # A request slot of the login is held, the upload is not claimed.
    "before_claim",
    "before_claim_commit",
    "after_claim",
    # The marks outside the database know of the claim, nothing is sent.
    "after_mark",
    # The frozen bytes are in memory, nothing is sent.
    "before_request",
    # Metrika has answered, the answer is not recorded.
    "after_answer",
    "before_record_commit",
    # Metrika has refused: the upload's move and what follows for its counter are one transaction.
    "before_failure_commit",
    "after_record",
    # The list of uploadings is read to its end, its result is not recorded.
    "during_lookup",
    "after_lookup_record",
    "during_poll",
    "after_poll_record",
    # A step of a backfill is made, the transaction is open; and after it.
    "before_backfill_commit",
    "after_backfill_step",
    # A step of a bulk action is made, the transaction is open; and after it.
    "before_bulk_commit",
    "after_bulk_step",
    # A file that the database did not know is an upload again, the transaction is open.
    "before_takeover_commit",
    "after_takeover",
    # The calls that may be in such a file are set aside, the transaction is open.
    "before_park_commit",
    # What waits for a changed counter is counted, or a part of it is decided again.
    "after_redecision_count",
    "before_redecision_commit",
    # A page of CallKeeper's calls has come, is stored with its position, and the end of a window.
    "after_pull_answer",
    "before_pull_commit",
    "after_pull_page",
    "after_pull_window",
    # A step of a file is checked, its check has ended; a step of calls is stored with its position.
    "after_import_check_step",
    "after_import_check",
    "before_import_commit",
    "after_import_step",
    "after_import_end",
    # Logs are ordered and Metrika has answered, the order is not recorded; a block of a part has
    # come; a part is stored and not recorded; rows are compared, the transaction is open, and
    # after it; the logs are removed there, which is not recorded.
    "after_log_order",
    "during_log_part",
    "after_log_part",
    "before_log_match_commit",
    "after_log_match",
    "after_log_clean",
    # A message about notices is held, nothing is sent; it was sent, the answer is not recorded.
    "after_notice_claim",
    "after_notice_answer",
    # The steps of `manage.py after_restore`.
    "after_sequences",
    "after_doubt",
    "after_listing",
    "before_release",
    "after_release",
]
NAMES: tuple[Name, ...] = get_args(Name)

listener: Callable[[Name], None] | None = None


def failpoint(name: Name) -> None:
    """Call the listener, if a test has set one."""
    if listener is not None:
        listener(name)
