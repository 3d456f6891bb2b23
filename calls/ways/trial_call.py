"""Trial calls: one of each kind, stored as any record of the source, and never sent by itself.

They show what would become of real calls. A person may send one to a counter (`calls.delivery.
send_orders`), where it looks like any other call, with the tag `TAG`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext, gettext_noop, override

from cabinets import audit
from cabinets.models import Cabinet, CallSource
from calls.ingest.parsing.record import read_records
from calls.ingest.store import Result, store_calls
from calls.models import Call, CallKey, Intake, Way
from calls.states import CallKind, HoldBack

KINDS = (CallKind.DYNAMIC, CallKind.STATIC, CallKind.CALLBACK)
TAG = gettext_noop("Пробный звонок CallKeeper")
CAMPAIGN = gettext_noop("Пробный звонок")
#: What names the trial calls of one press: a form sent twice makes them once.
TOKEN = re.compile(r"[0-9a-f]{16}")
#: Presses an hour, for each source.
MOST_AN_HOUR = 20
#: A number of no subscriber.
_PHONE = "79000000000"
#: Longer than the shortest talk that counters usually accept. The call begins now, because a
#: counter takes none from before it was added; its end is within the tolerance of clocks.
_SECONDS = 65
#: Identifiers of visitors have so many digits; nobody has this one.
_FIRST_VISITOR = 1_700_000_000_000_000_000


class TooManyTrials(Exception):
    """The source has made as many trial calls as an hour allows."""


def sites_of(cabinet: Cabinet) -> list[str]:
    """Return the sites that a trial call may come from: those of the counters, in order."""
    hosts = cabinet.counters.present().order_by("name", "pk").values_list("site_host", flat=True)
    return list(dict.fromkeys(filter(None, hosts)))


def make_trial_calls(
    source: CallSource, *, token: str, site: str, actor: User | None, now: datetime
) -> list[Result]:
    """Store a trial call of each kind through the intake of the source, and decide them.

    The same token again changes nothing. Raises TooManyTrials.
    """
    # Data, and so the same whatever language the person reads.
    with override(settings.LANGUAGE_CODE):
        items = [_item(source, kind, token=token, site=site, now=now) for kind in KINDS]
    records = read_records(
        items, source_id=source.public_id, zone=None, now=now, region=source.region
    )
    with transaction.atomic():
        CallSource.objects.select_for_update(no_key=True).get(pk=source.pk)
        if trial_calls(source, token):
            return []
        if _made_since(source, now - timedelta(hours=1)) >= MOST_AN_HOUR * len(KINDS):
            raise TooManyTrials
        results = store_calls(
            source=source, records=records, now=now, way=Way.TEST, hold_back=HoldBack.TRIAL
        )
        audit.log_change(
            cabinet=source.cabinet,
            actor=actor,
            action="source.trial_calls",
            subject=source,
            after={"calls": [one.call_id for one in results]},
        )
    return results


def in_readers_language(call: Call, text: str) -> str:
    """Return a tag or a campaign as a page shows it: those of trial calls are our own words."""
    is_own = call.hold_back == HoldBack.TRIAL and text in (TAG, CAMPAIGN)
    return gettext(text) if is_own else text


def trial_calls(source: CallSource, token: str) -> list[Call]:
    """Return the trial calls of one press, in the order of `KINDS`."""
    ids = [_external_id(source, kind, token) for kind in KINDS]
    keys = CallKey.objects.filter(cabinet_id=source.cabinet_id, external_id__in=ids)
    stored = list(keys.values_list("pk", "partition_at"))
    calls = Call.objects.defer("raw").filter(
        pk__in=[pk for pk, _month in stored],
        partition_at__in=[month for _pk, month in stored],
        hold_back=HoldBack.TRIAL,
    )
    return sorted(calls, key=lambda one: ids.index(one.external_id))


def _made_since(source: CallSource, moment: datetime) -> int:
    made = Intake.objects.filter(source=source, way=Way.TEST, at__gte=moment)
    return int(made.aggregate(calls=Sum("received"))["calls"] or 0)


def _external_id(source: CallSource, kind: CallKind, token: str) -> str:
    return f"test-{source.public_id}-{token}-{kind.value}"


def _item(
    source: CallSource, kind: CallKind, *, token: str, site: str, now: datetime
) -> dict[str, Any]:
    """Return the record as CallKeeper's v3 API would write it."""
    visitor = str(_FIRST_VISITOR + int(token[:12], 16) % 10**15)
    return {
        "universalId": _external_id(source, kind, token),
        "serviceType": "callback" if kind is CallKind.CALLBACK else "calltracking",
        "callType": "" if kind is CallKind.CALLBACK else str(kind.label),
        "clientNumber": _PHONE,
        "statusFirst": 200,
        "statusSecond": 200,
        "status": "success",
        "callTime": now.isoformat(),
        "duration": _SECONDS,
        "site": site,
        "unique": True,
        "target": True,
        "uniqueTarget": True,
        "yaClid": "" if kind is CallKind.STATIC else visitor,
        "callPage": f"https://{site}/" if site else "",
        "ctCampaignName": CAMPAIGN,
        "tags": [TAG],
    }
