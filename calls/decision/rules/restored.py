"""Rules about files in Metrika that the database does not know: it was restored from a backup.

Which calls are in such a file cannot be learned from Metrika. Every call that began before it was
taken may be, until a person decides about the file; see `calls.delivery.unknown_files`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.horizon import LINK_HORIZON
from calls.decision.reason import Rule
from calls.models import UnknownFile
from calls.states import KEPT_AS_SENT, MAYBE_SENT

#: When Metrika took the file ``f``, or at the latest when it was found there.
TAKEN_AT = "coalesce(f.create_time, f.found_at)"


def files_sql(
    states: Collection[str],
    *,
    counter: str = "k.id",
    channel: str = "ch.channel",
    started_at: str = "c.started_at",
) -> str:
    """Return SQL after SELECT … of the unknown files in these states that may have the call."""
    listed = ", ".join(f"'{state}'" for state in states)
    return (
        f"FROM calls_unknownfile f WHERE f.counter_id = {counter} AND f.channel = {channel}"
        f" AND f.state IN ({listed}) AND {started_at} < {TAKEN_AT}"
        f" AND {started_at} > {TAKEN_AT} - interval '{LINK_HORIZON.days} days'"
    )


_OPEN = files_sql([UnknownFile.State.OPEN])
_KEPT = files_sql([UnknownFile.State.KEPT])


def _maybe_sent(taken_at: str) -> str:
    moment = timezone.localtime(datetime.fromisoformat(taken_at))
    return _(
        "В Метрике есть файл CallKeeper от %(moment)s, о котором база не знает: она восстановлена "
        "из резервной копии. Звонок мог уйти с ним и поэтому ждёт вашего решения — отправить его "
        "или нет. Решение принимается в истории счетчика, сразу для всех таких звонков."
    ) % {"moment": date_format(moment, "d.m.Y H:i")}


RULES = (
    Rule(
        code=MAYBE_SENT,
        title=gettext_lazy("Мог уйти до восстановления базы"),
        requirement=gettext_lazy("Звонок точно не уходил до восстановления базы"),
        sentence=gettext_lazy(
            "В Метрике есть файл CallKeeper, о котором база не знает: она восстановлена из "
            "резервной копии. Звонок мог уйти с ним и поэтому ждёт вашего решения — отправить его "
            "или нет. Решение принимается в истории счетчика, сразу для всех таких звонков."
        ),
        with_values=_maybe_sent,
        sql=f"NOT EXISTS (SELECT 1 {_OPEN})",
        compared=f"(SELECT jsonb_build_array(min({TAKEN_AT})) {_OPEN})",
    ),
    Rule(
        code=KEPT_AS_SENT,
        title=gettext_lazy("Решено, что уже в Метрике"),
        requirement=gettext_lazy("Никто не отмечал, что звонок уже в Метрике"),
        sentence=gettext_lazy(
            "Звонок мог уйти до восстановления базы, и человек решил не отправлять такие звонки: "
            "они уже в Метрике."
        ),
        sql=f"NOT EXISTS (SELECT 1 {_KEPT})",
    ),
)
