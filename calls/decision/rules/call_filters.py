"""Rules that compare a call with the filters in a counter's settings, in the form's order."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.quotes import quoted
from calls.decision.reason import Rule
from calls.masking import masked_address, masked_campaign
from calls.phones import with_masked_phones
from calls.states import SITE_FIELDS, CallKind
from counters.hosts import readable_host
from counters.models import Counter

# Sites that a counter accepts, its own first; a mirror may be the same site with «www».
_SITES = """(CASE k.site_mode
    WHEN 'own' THEN array_remove(k.site_host || array_remove(k.mirror_hosts, k.site_host), '')
    ELSE k.site_hosts END)"""

# Which calls concern a counter without a site is not known before its settings are saved: all of
# them wait for it.
_SITES_ARE_SET = """(k.site_mode <> 'all' AND NOT (
    k.configured_at IS NULL AND k.site_mode = 'own' AND k.site_host = ''))"""

# The field in which the unreadable site came.
_SITE_FIELD = f"""coalesce((
    SELECT name FROM unnest(ARRAY{list(SITE_FIELDS)}) AS name
    WHERE left(btrim(c.raw ->> name), 255) = c.site LIMIT 1), 'site')"""

_OTHER_UNIQUENESS: dict[str, str | Promise] = {
    Counter.Uniqueness.UNIQUE: gettext_lazy("Звонок повторный"),
    Counter.Uniqueness.TARGET: gettext_lazy("Звонок нецелевой"),
    Counter.Uniqueness.UNIQUE_TARGET: gettext_lazy("Звонок не уникально-целевой"),
}
_CALL_STATUS: dict[str, str | Promise] = {
    "success": gettext_lazy("Звонок успешный"),
    "fail": gettext_lazy("Звонок неуспешный"),
}


def _call_type(kind: str, wanted: str, dynamic: bool, static: bool) -> str:
    accepted = quoted(Counter.CallKind(wanted).label)
    kinds = _accepted_kinds(dynamic=dynamic, static=static)
    if wanted == Counter.CallKind.INCOMING and kinds:
        accepted += f" ({kinds})"
    return _("Звонок: %(kind)s, а в настройке «Тип звонка» — %(taken)s.") % {
        "kind": str(CallKind(kind).label).lower(),
        "taken": accepted,
    }


def _accepted_kinds(*, dynamic: bool, static: bool) -> str:
    kinds = ((dynamic, CallKind.DYNAMIC), (static, CallKind.STATIC))
    return ", ".join(str(kind.label).lower() for is_accepted, kind in kinds if is_accepted)


def _status(status: str, wanted: str) -> str:
    return _("%(call)s, а в настройке «Статус звонка» — «%(wanted)s».") % {
        "call": _CALL_STATUS.get(status) or _("Итог звонка неизвестен"),
        "wanted": Counter.CallStatus(wanted).label,
    }


def _too_short(seconds: int, least: int) -> str:
    return _("Разговор длился %(seconds)d с, а в настройке «Длительность» — от %(least)d с.") % {
        "seconds": seconds,
        "least": least,
    }


def _uniqueness(wanted: str) -> str:
    return _("%(call)s, а в настройке «Дополнительно» — «%(wanted)s».") % {
        "call": _OTHER_UNIQUENESS[wanted],
        "wanted": Counter.Uniqueness(wanted).label,
    }


def _site(site: str, accepted: list[str], count: int, with_subdomains: bool = False) -> str:
    if not site or not accepted:
        return ""
    taken = _listed([readable_host(host) for host in accepted], count)
    return _("Звонок с сайта %(site)s, а в настройке «Сайты» — %(taken)s.") % {
        "site": with_masked_phones(readable_host(site)),
        "taken": _("%(sites)s с поддоменами") % {"sites": taken} if with_subdomains else taken,
    }


def _unreadable_site(field: str, text: str) -> str:
    if not text:
        return ""
    return _(
        "В поле %(field)s пришло «%(text)s», это не адрес сайта, поэтому счетчик звонок не "
        "принимает. Передавайте в этом поле адрес сайта или выберите «Все сайты» в настройке "
        "«Сайты»."
    ) % {"field": field, "text": with_masked_phones(text)}


def _campaign(campaign: str, accepted: list[str], count: int) -> str:
    taken = _listed([quoted(name) for name in accepted], count)
    if not campaign:
        return _("Кампания звонка неизвестна, а в настройке «Кампании» — %(taken)s.") % {
            "taken": taken
        }
    return _("Кампания звонка — «%(campaign)s», а в настройке «Кампании» — %(taken)s.") % {
        "campaign": with_masked_phones(campaign),
        "taken": taken,
    }


def _listed(shown: Sequence[str], count: int) -> str:
    listed = ", ".join(shown)
    if count <= len(shown):
        return listed
    return _("%(listed)s и ещё %(more)d") % {"listed": listed, "more": count - len(shown)}


RULES = (
    Rule(
        code="technical",
        is_waivable=True,
        title=gettext_lazy("Техническая отмена"),
        requirement=gettext_lazy("Не техническая отмена"),
        sentence=gettext_lazy(
            "Звонок отменён технически и разговором не был: такие счетчик не принимает."
        ),
        applies="k.skip_technical",
        sql="NOT c.is_technical",
    ),
    Rule(
        code="call_type",
        is_waivable=True,
        title=gettext_lazy("Тип звонка"),
        requirement=gettext_lazy("Тип звонка подходит"),
        sentence=gettext_lazy("Тип звонка не подходит под настройку «Тип звонка»."),
        with_values=_call_type,
        applies="k.call_kind <> 'all'",
        sql="""CASE k.call_kind
             WHEN 'callback' THEN c.kind = 'callback'
             ELSE (c.kind = 'dynamic' AND k.accepts_dynamic)
               OR (c.kind = 'static' AND k.accepts_static)
               OR (c.kind = 'unknown' AND (k.accepts_dynamic OR k.accepts_static)) END""",
        compared="jsonb_build_array(c.kind, k.call_kind, k.accepts_dynamic, k.accepts_static)",
    ),
    Rule(
        code="status",
        is_waivable=True,
        title=gettext_lazy("Статус звонка"),
        requirement=gettext_lazy("Статус подходит"),
        sentence=gettext_lazy("Статус звонка не подходит под настройку «Статус звонка»."),
        with_values=_status,
        applies="k.call_status <> 'all'",
        sql="c.status = k.call_status",
        compared="jsonb_build_array(c.status, k.call_status)",
    ),
    Rule(
        code="too_short",
        is_waivable=True,
        title=gettext_lazy("Короткий разговор"),
        requirement=gettext_lazy("Разговор достаточно длинный"),
        sentence=gettext_lazy("Разговор короче, чем указано в настройке «Длительность»."),
        with_values=_too_short,
        applies="k.min_duration_seconds > 0",
        sql="c.duration_seconds >= k.min_duration_seconds",
        compared="jsonb_build_array(c.duration_seconds, k.min_duration_seconds)",
    ),
    Rule(
        code="uniqueness",
        is_waivable=True,
        title=gettext_lazy("Не уникальный или не целевой"),
        requirement=gettext_lazy("Уникальность и целевой подходят"),
        sentence=gettext_lazy(
            "Звонок не подходит под настройку «Дополнительно» (уникальные, целевые)."
        ),
        with_values=_uniqueness,
        applies="k.uniqueness <> 'all'",
        sql="""CASE k.uniqueness
             WHEN 'unique' THEN c.is_unique
             WHEN 'target' THEN c.is_target
             ELSE c.is_unique_target END""",
        compared="jsonb_build_array(k.uniqueness)",
    ),
    Rule(
        code="site_unknown",
        is_waivable=True,
        title=gettext_lazy("Сайт не указан"),
        requirement=gettext_lazy("Сайт звонка известен"),
        sentence=gettext_lazy(
            "В записи звонка не указан сайт, поэтому счетчик его не принимает. Чтобы такие звонки "
            "уходили, выберите «Все сайты» в настройке «Сайты»."
        ),
        with_values=_unreadable_site,
        masks={1: masked_address},
        applies=_SITES_ARE_SET,
        sql="c.site_host <> ''",
        is_routing=True,
        no_counter=gettext_lazy("Сайт не указан"),
        compared=f"jsonb_build_array({_SITE_FIELD}, left(c.site, 120))",
    ),
    Rule(
        code="site",
        is_waivable=True,
        title=gettext_lazy("Другой сайт"),
        requirement=gettext_lazy("Сайт подходит"),
        sentence=gettext_lazy("Звонок с другого сайта. Сайты счетчика заданы в настройке «Сайты»."),
        with_values=_site,
        # Without a site the rule before this one has said so.
        applies=f"{_SITES_ARE_SET} AND c.site_host <> ''",
        is_routing=True,
        no_counter=gettext_lazy("Нет счетчика этого сайта"),
        sql=f"""CASE k.site_mode
             WHEN 'own' THEN c.site_host = k.site_host OR c.site_host = ANY (k.mirror_hosts)
             ELSE c.site_host = ANY (k.site_hosts) END
             OR (k.with_subdomains AND EXISTS (
                 SELECT 1 FROM unnest({_SITES}) AS accepted(host)
                 WHERE right(c.site_host, length(accepted.host) + 1) = '.' || accepted.host))""",
        compared=f"""jsonb_build_array(left(c.site_host, 120), {_SITES}[1:3],
             cardinality({_SITES}), k.with_subdomains)""",
    ),
    Rule(
        code="campaign",
        is_waivable=True,
        title=gettext_lazy("Другая кампания"),
        requirement=gettext_lazy("Кампания подходит"),
        sentence=gettext_lazy("Кампании звонка нет в настройке «Кампании»."),
        with_values=_campaign,
        masks={0: masked_campaign},
        applies="cardinality(k.campaigns) > 0",
        is_routing=True,
        no_counter=gettext_lazy("Нет счетчика этой кампании"),
        sql="""EXISTS (
             SELECT 1 FROM unnest(k.campaigns) AS wanted
             WHERE lower(wanted) IN (lower(c.campaign_id), lower(c.campaign_name)))""",
        compared="""jsonb_build_array(
             left(coalesce(nullif(c.campaign_name, ''), c.campaign_id), 120),
             k.campaigns[1:3], cardinality(k.campaigns))""",
    ),
)
