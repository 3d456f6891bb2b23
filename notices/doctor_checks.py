"""Open notices as checks of the page «Проверка подключения»: those of what it does not look at."""

from __future__ import annotations

from cabinets.models import Cabinet
from doctor.findings.check import Check, Cure
from notices.kinds import OF_FLOW, Kind
from notices.models import Notice
from notices.words import words_of

#: Kinds whose conditions the page does not check itself.
SHOWN = (*OF_FLOW, Kind.REPORT_DIFFERENCE, Kind.DELAYED)
#: More are on the page of notices.
MAX_SHOWN = 50


def open_alerts(cabinet: Cabinet, counter: int | None) -> list[Check]:
    """Return the standing notices of the cabinet, or of one counter, each as a check."""
    standing = Notice.objects.standing().filter(cabinet=cabinet, kind__in=SHOWN)
    if counter is not None:
        standing = standing.filter(facts__counter=counter)
    return [_check(one) for one in standing.order_by("-opened_at", "pk")[:MAX_SHOWN]]


def _check(notice: Notice) -> Check:
    words = words_of(notice)
    cure = Cure(words.url, words.label)
    return Check(Kind(notice.kind).label, notice.tone, words.text, cure, help_code=notice.kind)
