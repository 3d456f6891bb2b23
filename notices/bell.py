"""The bell: how many standing notices a member has not looked at, and marking them as seen."""

from __future__ import annotations

from datetime import datetime

from django.db.models import IntegerField
from django.db.models.expressions import RawSQL

from cabinets.models import Membership
from notices.models import NoticeChoice

# Of standing notices there are few; notice_open_once finds those of the cabinet.
_UNSEEN = """
SELECT count(*) FROM notices_notice n
WHERE n.cabinet_id = cabinets_membership.cabinet_id
  AND n.closed_at IS NULL AND n.gone_since IS NULL
  AND n.opened_at > coalesce(
      (SELECT c.seen_at FROM notices_noticechoice c WHERE c.membership_id = cabinets_membership.id),
      '-infinity')"""


def unseen_notices() -> RawSQL:
    """Return the column of `Membership` that counts what its person has not looked at."""
    return RawSQL(_UNSEEN, [], IntegerField())


def mark_seen(membership: Membership, *, now: datetime) -> None:
    """Record that the person has looked at the notices of the cabinet."""
    NoticeChoice.objects.update_or_create(membership=membership, defaults={"seen_at": now})
