"""Takes over from Metrika's lists how many rows of processed uploads are linked to visits.

Metrika may tell the counts later than it ends processing. They are what a page shows of a file, and
change nothing else; all other differences are reported and not repaired.
"""

from __future__ import annotations

from collections.abc import Iterable

from calls.models import Upload
from calls.states import PROCESSED_UPLOADS
from counters.models import Counter
from integrations.yandex.records import Uploading

COUNTS = ("linked_quantity", "user_not_found_quantity")


def refresh_linked(counter: Counter, uploadings: Iterable[Uploading], *, channel: int) -> int:
    """Store the counts that Metrika tells now; return how many uploads changed. Two queries."""
    told = {one.uploading_id: one for one in uploadings}
    settled = Upload.objects.filter(
        counter=counter, channel=channel, state__in=PROCESSED_UPLOADS, uploading_id__in=told
    )
    known = settled.only("uploading_id", *COUNTS)
    changed = [one for one in known if _take_over(one, told[one.uploading_id or 0])]
    Upload.objects.bulk_update(changed, COUNTS, batch_size=1000)
    return len(changed)


def _take_over(upload: Upload, uploading: Uploading) -> bool:
    """Set the counts that are told; a count that was told once is kept when it is missing now."""
    is_changed = False
    for name in COUNTS:
        count = getattr(uploading, name)
        if count is not None and count != getattr(upload, name):
            setattr(upload, name, count)
            is_changed = True
    return is_changed
