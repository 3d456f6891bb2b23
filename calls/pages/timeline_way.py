"""By which way a call came in, as far as the counts of the intake know it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from calls.models import Call, Intake, Way


def way_of(call: Call) -> str:
    """Return the way and the source in words, '' when there is no source. Load it with the call.

    The way is known as long as the counts of its request are stored; after that, if all requests of
    its source in that hour came by the same way.
    """
    if call.source is None:
        return ""
    hour = call.received_at.replace(minute=0, second=0, microsecond=0)
    counts = Intake.objects.filter(source_id=call.source_id, at__in=(hour, call.received_at))
    found = list(counts.values_list("is_hour", "way").distinct())
    ways = {way for is_hour, way in found if not is_hour} or {way for _is_hour, way in found}
    if len(ways) != 1:
        return _("Источник «%(source)s».") % {"source": call.source.name}
    (way,) = ways
    words = {"way": Way(way).label, "source": call.source.name}
    return _("%(way)s, источник «%(source)s».") % words
