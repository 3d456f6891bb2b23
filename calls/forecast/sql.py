"""Whether Metrika will link a row to a visit, and why: the one definition, in SQL."""

from __future__ import annotations

from calls.states import IdKind

#: ClientID as Metrika's tag makes it: Unix time of the visitor's first visit, then random digits.
#: Seen in public, not documented (ADR 0076): another form is no proof.
_FORM = "^1[2-9][0-9]{8}[0-9]{4,10}$"
#: Clocks of a visitor's device differ; a call may also begin while the first page loads.
_SLACK_SECONDS = 3600
#: With so little left of the 21 days the visit itself is probably older.
_OLD_DAYS = 14


def forecast_sql(delivery: str = "d", call: str = "c", *, now: str = "now()") -> str:
    """Return an expression over a delivery and its call: `value:cause`, never NULL.

    The value is `likely`, `unlikely` or `never`; the causes are those of `calls.forecast.causes`.
    Age counts to the moment at which Metrika took the file, ``now`` for a row that was not sent.
    """
    d, c = delivery, call
    identifier = f"""CASE {d}.id_kind WHEN {IdKind.CLIENT_ID:d} THEN {c}.client_id
        WHEN {IdKind.YCLID:d} THEN {c}.yclid WHEN {IdKind.USER_ID:d} THEN {c}.user_id
        ELSE coalesce(nullif({c}.client_id, ''), nullif({c}.yclid, ''), {c}.user_id) END"""
    is_client = f"""({d}.id_kind = {IdKind.CLIENT_ID:d}
        OR {d}.id_kind IS NULL AND {c}.client_id <> '')"""
    is_user = f"""({d}.id_kind = {IdKind.USER_ID:d}
        OR {d}.id_kind IS NULL AND {c}.yclid = '')"""
    taken = f"""coalesce((SELECT forecast_u.accepted_at FROM calls_upload forecast_u
        WHERE forecast_u.id = {d}.upload_id), {now})"""
    first_visit = f"left({c}.client_id, 10)::bigint"
    call_at = f"extract(epoch FROM {c}.started_at)"
    return f"""CASE
        WHEN {d}.is_static THEN 'never:static'
        WHEN ({identifier}) = '' AND {c}.unreadable_identifiers IS NOT NULL
            THEN 'never:unreadable'
        WHEN ({identifier}) = '' THEN 'never:no_identifier'
        WHEN {d}.expires_at <= {taken} THEN 'never:too_old'
        WHEN {is_client} AND {c}.client_id !~ '{_FORM}' THEN 'unlikely:other_form'
        WHEN {is_client} AND {first_visit} > {call_at} + {_SLACK_SECONDS}
            THEN 'unlikely:later_visit'
        WHEN {c}.started_at < {taken} - interval '{_OLD_DAYS} days' THEN 'unlikely:old'
        WHEN {is_client} THEN 'likely:client_id'
        WHEN {is_user} THEN 'likely:user_id'
        ELSE 'likely:yclid' END"""
