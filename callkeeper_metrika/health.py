"""Endpoints for operations: `/healthz` (alive), `/readyz` (ready) and `/metrics`."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from redis.exceptions import RedisError

from calls.queries import freshness
from calls.queries.backlog import DueWork, due_work, uploads_by_state
from calls.runtime import counts, heartbeat
from calls.runtime.partitions import misfiled_rows
from calls.ways.pull import troubles
from integrations.installation import guard
from integrations.installation.words import operator_words
from integrations.limits import clock_skew

#: Beat queues the mark every five seconds; after a minute without it, beat or all workers are down.
HEARTBEAT_LIMIT_SECONDS = 60
#: Work is due and nothing of its kind was done for this long: the workers stand still.
STANDSTILL_LIMIT = timedelta(minutes=2)
#: Work has been due for this long, whatever else was done: the workers cannot keep up.
BACKLOG_LIMIT = timedelta(minutes=10)

#: Labels of /metrics are bounded: of the slowest counters only so many.
MOST_COUNTERS = 20


@require_safe
@login_not_required
def alive(_request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process can; check no dependency."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
@login_not_required
def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when all of CHECKS are ok, else 503 with reasons."""
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    well = all(outcome == "ok" for outcome in checks.values())
    return JsonResponse({"ready": well, "checks": checks}, status=200 if well else 503)


def _outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as problem:  # a dependency that fails must be reported, not crash the page
        return f"failed: {type(problem).__name__}"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    misfiled = misfiled_rows()
    return f"rows outside their month: {misfiled}" if misfiled else "ok"


def _broker() -> str:
    heartbeat.age_seconds(timezone.now())
    return "ok"


def _beat() -> str:
    age = heartbeat.age_seconds(timezone.now())
    if age is None:
        return "no mark yet"
    return "ok" if age <= HEARTBEAT_LIMIT_SECONDS else f"last mark {age:.0f} s ago"


def _backlog() -> str:
    now = timezone.now()
    late = [work for work in due_work(now) if is_late(work, now)]
    if not late:
        return "ok"
    kinds = ", ".join(work.kind for work in late)
    return f"work has been due since {late[0].since.isoformat(timespec='seconds')}: {kinds}"


def is_late(work: DueWork, now: datetime) -> bool:
    """Whether the workers stand still, or cannot keep up with this kind of work."""
    return now - work.stalled_since > STANDSTILL_LIMIT or now - work.since > BACKLOG_LIMIT


def _installation() -> str:
    return operator_words(guard.state())


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "broker": _broker,
    "beat": _beat,
    "backlog": _backlog,
    "installation": _installation,
}


class DeliveryCollector:
    """Reads the metrics at each scrape; keeps nothing in the process."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        uploads = GaugeMetricFamily("callkeeper_uploads", "Uploads by state", labels=["state"])
        for state, count in uploads_by_state().items():
            uploads.add_metric([state], count)
        yield uploads
        oldest = min((work.since for work in due_work(now)), default=now)
        yield GaugeMetricFamily(
            "callkeeper_oldest_due_seconds",
            "Age of the oldest work that is due",
            value=(now - oldest).total_seconds(),
        )
        yield from _pull_metrics(now)
        yield from _freshness_metrics()
        yield GaugeMetricFamily(
            "callkeeper_metrika_clock_ahead_seconds",
            "By how much Metrika's clock is ahead of ours; differences below 30 s count as none",
            value=clock_skew.ahead().total_seconds(),
        )
        age, failed = _kept_in_broker(now)
        yield GaugeMetricFamily(
            "callkeeper_heartbeat_age_seconds",
            "Age of the last mark of beat and a worker; -1 when there is none or no broker",
            value=age,
        )
        yield GaugeMetricFamily(
            "callkeeper_manifests_failed",
            "Manifests of sent files that could not be written; -1 when there is no broker",
            value=failed,
        )
        yield GaugeMetricFamily(
            "callkeeper_sending_halted",
            "1 while nothing is sent because the database went back, was copied, or has no mark",
            value=guard.state(now).is_halted,
        )


def _freshness_metrics() -> Iterator[Metric]:
    """Yield the stored delays of the last day: of all calls, and of the slowest counters."""
    delays = GaugeMetricFamily(
        "callkeeper_freshness_seconds",
        "Seconds from a call's end to its acceptance by Metrika, of the last 24 hours",
        labels=["quantile"],
    )
    slowest = GaugeMetricFamily(
        "callkeeper_freshness_slowest_seconds",
        f"95th percentile of the {MOST_COUNTERS} slowest counters, by cabinet and number",
        labels=["counter"],
    )
    calls = 0
    for one in freshness.slowest(MOST_COUNTERS):
        if one.counter is None:
            calls = one.day_calls
            delays.add_metric(["0.5"], one.day_p50 or 0)
            delays.add_metric(["0.95"], one.day_p95 or 0)
        else:
            slowest.add_metric([f"{one.counter.cabinet_id}/{one.counter.number}"], one.day_p95 or 0)
    yield delays
    yield slowest
    yield GaugeMetricFamily(
        "callkeeper_freshness_calls", "Calls accepted by Metrika in the last 24 hours", value=calls
    )


def _pull_metrics(now: datetime) -> Iterator[Metric]:
    """Yield what there is to know about sources whose calls are pulled."""
    sources = GaugeMetricFamily(
        "callkeeper_pull_sources",
        "Sources pulled from CallKeeper by state; failing ones are active as well",
        labels=["state"],
    )
    for state, count in troubles.pulls_by_state().items():
        sources.add_metric([state], count)
    yield sources
    yield GaugeMetricFamily(
        "callkeeper_pull_late_seconds",
        "Age of the oldest pull that is due and that no worker has begun",
        value=(now - (troubles.oldest_due(now) or now)).total_seconds(),
    )


def _kept_in_broker(now: datetime) -> tuple[float, int]:
    """Return the age of the heartbeat and the number of failed manifests; -1 for what is unknown.

    A broker that does not answer is asked once.
    """
    try:
        age = heartbeat.age_seconds(now)
        failed = counts.count_of(counts.MANIFESTS_FAILED)
    except RedisError:
        return -1, -1
    return -1 if age is None else age, failed


@require_safe
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus: METRICS_TOKEN as bearer token; if it is unset, from this host only."""
    if not _may_read_metrics(request):
        return HttpResponseNotFound()
    registry = CollectorRegistry()
    registry.register(DeliveryCollector())
    return HttpResponse(
        generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8"
    )


def _may_read_metrics(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    is_proxied = "X-Forwarded-For" in request.headers
    return request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and not is_proxied
