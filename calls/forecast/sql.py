"""Whether Metrika will link a row to a visit, and why: the one definition, in SQL."""

from __future__ import annotations

from calls.forecast.causes import CAUSES, LIKELY, NEVER, OFTEN_LINKED, RARELY_LINKED, UNLIKELY
from calls.states import CallKind, IdKind

#: ClientID as Metrika's tag makes it: Unix time of the visitor's first visit, then random digits.
#: Seen in public, not documented (ADR 0076): another form is no proof.
_FORM = "^1[2-9][0-9]{8}[0-9]{4,10}$"
#: Clocks of a visitor's device differ; a call may also begin while the first page loads.
_SLACK_SECONDS = 3600
#: With so little left of the 21 days the visit itself is sometimes older.
_OLD_DAYS = 14
#: The measured probability of a cause counts as much as so many proved rows of the counter.
PRIOR_ROWS = 3

_NEVER = ", ".join(f"'{code}'" for code, cause in CAUSES.items() if cause.is_never)
_PRIORS = " ".join(f"WHEN '{code}' THEN {one.probability}" for code, one in CAUSES.items())


def cause_sql(
    delivery: str = "d", call: str = "c", *, now: str = "now()", taken: str | None = None
) -> str:
    """Return an expression over a delivery and its call: what the row itself tells, never NULL.

    A code of `calls.forecast.causes`. Age counts to the moment at which Metrika took the file,
    ``now`` for a row that was not sent. ``taken``: an expression of that moment, so that the file
    is not looked up.
    """
    d, c = delivery, call
    taken = taken or _taken(delivery, now)
    identifier = f"""CASE {d}.id_kind WHEN {IdKind.CLIENT_ID:d} THEN {c}.client_id
        WHEN {IdKind.YCLID:d} THEN {c}.yclid WHEN {IdKind.USER_ID:d} THEN {c}.user_id
        ELSE coalesce(nullif({c}.client_id, ''), nullif({c}.yclid, ''), {c}.user_id) END"""
    is_client = f"""({d}.id_kind = {IdKind.CLIENT_ID:d}
        OR {d}.id_kind IS NULL AND {c}.client_id <> '')"""
    is_user = f"""({d}.id_kind = {IdKind.USER_ID:d}
        OR {d}.id_kind IS NULL AND {c}.yclid = '')"""
    first_visit = f"left({c}.client_id, 10)::bigint"
    call_at = f"extract(epoch FROM {c}.started_at)"
    return f"""CASE
        WHEN {d}.is_static AND {c}.kind = '{CallKind.STATIC}' THEN 'static'
        WHEN ({identifier}) = '' AND {c}.unreadable_identifiers IS NOT NULL THEN 'unreadable'
        WHEN ({identifier}) = '' THEN 'no_identifier'
        WHEN {d}.is_static THEN 'static'
        WHEN {d}.expires_at <= {taken} THEN 'too_old'
        WHEN {is_client} AND {c}.client_id !~ '{_FORM}' THEN 'other_form'
        WHEN {is_client} AND {first_visit} > {call_at} + {_SLACK_SECONDS} THEN 'later_visit'
        WHEN {c}.started_at < {taken} - interval '{_OLD_DAYS} days' THEN 'old'
        WHEN {is_client} THEN 'client_id'
        WHEN {is_user} THEN 'user_id'
        ELSE 'yclid' END"""


def forecast_sql(delivery: str = "d", call: str = "c", *, now: str = "now()") -> str:
    """Return an expression over a delivery and its call, which `Forecast.read` reads; never NULL.

    `value:cause:probability:proved:linked:own cause`. What the row itself tells is weighed against
    the counter's newest proved rows of the same source and cause, as they were known when Metrika
    took the file (`calls.forecast.record`): so many proved rows, so many of them linked.
    """
    d, c = delivery, call
    return f"""(SELECT CASE WHEN told.cause IN ({_NEVER})
        THEN concat('{NEVER}:', told.cause, ':0:0:0:', told.cause)
        ELSE concat_ws(':',
            CASE WHEN mean.p >= 0.5 THEN '{LIKELY}' ELSE '{UNLIKELY}' END,
            CASE WHEN prior.p >= 0.5 AND mean.p < 0.5 THEN '{RARELY_LINKED}'
                WHEN prior.p < 0.5 AND mean.p >= 0.5 THEN '{OFTEN_LINKED}' ELSE told.cause END,
            round(mean.p, 4), known.proved, known.linked, told.cause) END
        FROM (SELECT {cause_sql(d, c, now=now)} AS cause OFFSET 0) AS told
        CROSS JOIN LATERAL (SELECT CASE told.cause {_PRIORS} END AS p) AS prior
        LEFT JOIN LATERAL (SELECT log.record -> concat_ws('.', coalesce({c}.source_id, 0),
                told.cause) AS counts
            FROM calls_logrequest log WHERE log.counter_id = {d}.counter_id
                AND log.record IS NOT NULL AND log.posted_at < {_taken(d, now)}
                AND told.cause NOT IN ({_NEVER})
            ORDER BY log.id DESC LIMIT 1) AS newest ON true
        CROSS JOIN LATERAL (SELECT coalesce((newest.counts ->> 0)::int, 0) AS proved,
            coalesce((newest.counts ->> 1)::int, 0) AS linked) AS known
        CROSS JOIN LATERAL (SELECT (known.linked + {PRIOR_ROWS} * prior.p)
            / (known.proved + {PRIOR_ROWS}) AS p) AS mean)"""


def _taken(delivery: str, now: str) -> str:
    """Return the moment at which Metrika took the row's file."""
    return f"""coalesce((SELECT forecast_u.accepted_at FROM calls_upload forecast_u
        WHERE forecast_u.id = {delivery}.upload_id), {now})"""
