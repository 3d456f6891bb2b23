"""Ready mappings for the shapes of CallKeeper and of other call tracking services. Pure.

Each names its public documentation. Names that the documentation does not list, or that its
customers choose themselves, are marked in the comment of the preset; a mapping is changed on the
page of the source when another account uses other names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from calls.mapping.field_mapping import Mapping
from calls.mapping.mango import talk_times
from calls.mapping.our_fields import BY_NAME
from calls.mapping.paths import Item

_CALLKEEPER = "https://github.com/yuferev/callkeeper/blob/master/documentation"
#: Codes of a call that is not over; its end comes with a later request.
UNFINISHED = {"statusFirst": 1, "statusSecond": 0}


@dataclass(frozen=True)
class Preset:
    """A ready mapping.

    ``candidates``: our field → paths in order of preference; a path may also come deeper in the
    item. ``signatures``: sets of paths, one of which a matching item has. ``utc_paths``: times that
    are UTC though they say no zone. ``constants``: values of every record. ``unfinished``: a path
    and the values it has before the call is over. ``computed``: values derived from the item.
    ``is_native``: the parser reads these records as they are.
    """

    key: str
    title: str | Promise
    doc_url: str
    candidates: dict[str, tuple[str, ...]]
    signatures: tuple[frozenset[str], ...]
    utc_paths: frozenset[str] = frozenset()
    constants: dict[str, str] = field(default_factory=dict)
    unfinished: tuple[str, frozenset[str]] = ("", frozenset())
    computed: Callable[[Item], dict[str, Any]] | None = None
    is_native: bool = False

    def matches(self, paths: Iterable[str]) -> bool:
        """Whether an item with these paths is of this shape."""
        names = _endings(paths)
        return any(signature <= names for signature in self.signatures)

    def mapping(self, paths: Iterable[str]) -> Mapping:
        """Return the mapping for an item with these paths."""
        known = [*paths, *(self.computed({}) if self.computed else ())]
        chosen = {
            name: path
            for name, candidates in self.candidates.items()
            if (path := _first(candidates, known))
        }
        return Mapping(chosen, self.key)


def matching_preset(paths: Iterable[str]) -> Preset | None:
    """Return the first ready mapping whose shape the paths have."""
    known = tuple(paths)
    return next((one for one in PRESETS.values() if one.matches(known)), None)


def _endings(paths: Iterable[str]) -> set[str]:
    """Return the paths and every ending of them: a, b.c of `a.b.c` and c."""
    found: set[str] = set()
    for path in paths:
        while path:
            found.add(path)
            path = path.partition(".")[2]
    return found


def _first(candidates: tuple[str, ...], paths: list[str]) -> str:
    """Return the path of the first candidate that came, the least nested one."""
    for candidate in candidates:
        fitting = [one for one in paths if one == candidate or one.endswith(f".{candidate}")]
        if fitting:
            return min(fitting, key=lambda one: one.count("."))
    return ""


def _names(**candidates: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(paths.split()) for name, paths in candidates.items()}


_ALL = (
    Preset(
        key="callkeeper_callback",
        title=_("CallKeeper: вебхук обратного звонка"),
        doc_url=f"{_CALLKEEPER}/webhooks/README.md",
        # `date` is UTC: in the published sample it equals `date_timestamp`. `duration2_sec` is a
        # name of the older callback API.
        candidates=_names(
            callTime="date_timestamp date",
            clientNumber="phone2",
            cbCallId="id",
            duration="duration2_sec duration_sec",
            statusFirst="status_code",
            statusSecond="status2_code",
            site="site",
            yaClid="ya_clientid",
            callPage="cpg",
            managerNumber="phone1",
            tags="tags",
            cbAttempt="attempt",
        ),
        signatures=(
            frozenset({"hook_event", "phone2"}),
            frozenset({"phone1", "phone2", "widget_hash"}),
        ),
        utc_paths=frozenset({"date"}),
        constants={"serviceType": "callback"},
        unfinished=("hook_event", frozenset({"call is processing"})),
    ),
    Preset(
        key="callkeeper_calltracking",
        title=_("CallKeeper: вебхук коллтрекинга"),
        doc_url=f"{_CALLKEEPER}/webhooks/README.md",
        # The customer chooses the names in the query; these are the names of the values.
        candidates=_names(
            callTime="time_start",
            clientNumber="client_number",
            duration="duration",
            status="call_status",
            site="host",
            callType="call_type",
            routePhone="calltracking_number",
            managerNumber="manager_number",
            ctCampaignName="company_name",
        ),
        signatures=(frozenset({"time_start", "client_number"}),),
        constants={"serviceType": "calltracking"},
    ),
    Preset(
        key="callkeeper_v3",
        title=_("CallKeeper: API звонков v3"),
        doc_url=f"{_CALLKEEPER}/api/api_methods/getCalls.md",
        candidates={name: (name,) for name in BY_NAME},
        signatures=(
            frozenset({"callTime", "clientNumber"}),
            frozenset({"callTime", "universalId"}),
        ),
        is_native=True,
    ),
    Preset(
        key="callkeeper_old",
        title=_("CallKeeper: прежняя выгрузка"),
        doc_url=f"{_CALLKEEPER}/api/api_methods/ckct/api_ckct.md",
        # The parser reads `callId` and `state` where they stand.
        candidates=_names(
            callTime="timeStart",
            clientNumber="clientPhone",
            duration="duration",
            site="site",
            callType="callType",
            routePhone="routePhone",
            managerNumber="officePhone",
            ctCampaignId="campaignId",
            ctCampaignName="campaignName",
        ),
        signatures=(frozenset({"timeStart", "clientPhone"}), frozenset({"timeStart", "callId"})),
        is_native=True,
    ),
    Preset(
        key="calltouch",
        title=_("Calltouch"),
        doc_url="https://www.calltouch.ru/support/otpravka-informatsii-o-zvonkakh-zayavkakh-"
        "chatakh-iz-calltouch-v-lyubuyu-sistemu-s-pomoshchyu-webhoo/",
        # The page lists no names. Those of public handlers of these webhooks: id, callerphone,
        # calledphone, operatorphone, calltime, duration, status. The others, and the phases of a
        # call, are from general knowledge.
        candidates=_names(
            callTime="timestamp calltime",
            clientNumber="callerphone",
            universalId="id callid",
            duration="duration",
            holdDuration="waiting_time",
            status="status",
            site="siteName hostname",
            yaClid="yaClientId ya_client_id",
            yclid="yclid",
            callPage="callUrl url",
            routePhone="calledphone phonenumber",
            managerNumber="operatorphone redirectNumber",
            unique="unique",
            target="targetCall",
        ),
        signatures=(
            frozenset({"callerphone", "calledphone"}),
            frozenset({"callerphone", "calltime"}),
            frozenset({"callerphone", "phonenumber"}),
        ),
        unfinished=("callphase", frozenset({"callconnected"})),
    ),
    Preset(
        key="uis",
        title=_("UIS и CoMagic"),
        doc_url="https://uiscom.ru/academiya/spravochnyj-centr/uvedomleniya/"
        "uvedomleniya-o-sobytiyakh",
        # The customer writes the body from these mnemonics. The identifiers of the visitor and the
        # pages are from general knowledge. The time of the notification is not that of the call.
        candidates=_names(
            callTime="start_time",
            clientNumber="contact_phone_number",
            universalId="call_session_id",
            duration="talk_time_duration",
            holdDuration="wait_time_duration",
            status="is_lost",
            site="site_domain_name",
            yaClid="ym_client_id ya_client_id",
            yclid="yclid",
            entryPointQuery="entrance_page",
            routePhone="virtual_phone_number",
            managerNumber="employee_phone_number",
            ctCampaignId="campaign_id",
            ctCampaignName="campaign_name",
            tags="tag_names",
            direction="direction",
        ),
        signatures=(
            frozenset({"contact_phone_number", "virtual_phone_number"}),
            frozenset({"contact_phone_number", "call_session_id"}),
        ),
    ),
    Preset(
        key="ringostat",
        title=_("Ringostat"),
        doc_url="https://help.ringostat.com/en/articles/6559993-webhooks-incoming-call-event",
        # The customer chooses the names; these are those of its export of calls, from general
        # knowledge.
        candidates=_names(
            callTime="calldate",
            clientNumber="caller",
            universalId="uniqueid",
            duration="billsec",
            holdDuration="waittime",
            status="disposition",
            yclid="yclid",
            entryPointQuery="landing",
            routePhone="dst",
            callType="substitution_type",
        ),
        signatures=(
            frozenset({"calldate", "caller"}),
            frozenset({"calldate", "billsec", "disposition"}),
        ),
    ),
    Preset(
        key="callrail",
        title=_("CallRail"),
        doc_url="https://apidocs.callrail.com/#webhooks",
        # `datetime` of the older webhooks is UTC without a zone.
        candidates=_names(
            callTime="start_time datetime",
            clientNumber="customer_phone_number",
            universalId="resource_id id",
            duration="duration",
            status="answered",
            callPage="last_requested_url",
            entryPointQuery="landing_page_url",
            routePhone="tracking_phone_number",
            managerNumber="business_phone_number",
            ctCampaignName="campaign",
            tags="tags",
            direction="direction",
        ),
        signatures=(frozenset({"customer_phone_number", "tracking_phone_number"}),),
        utc_paths=frozenset({"datetime"}),
    ),
    Preset(
        key="zadarma",
        title=_("Zadarma"),
        doc_url="https://zadarma.com/en/support/api/",
        # Names and events of NOTIFY_END, as the vendor's own library lists them. `status_code` is
        # Q.931, so it is none of our codes.
        candidates=_names(
            callTime="call_start",
            clientNumber="caller_id",
            universalId="pbx_call_id",
            duration="duration",
            status="disposition",
            routePhone="called_did",
        ),
        signatures=(
            frozenset({"call_start", "pbx_call_id"}),
            frozenset({"call_start", "caller_id", "called_did"}),
        ),
        unfinished=(
            "event",
            frozenset({"notify_start", "notify_internal", "notify_answer", "notify_ivr"}),
        ),
    ),
    Preset(
        key="mango",
        title=_("Mango Office"),
        doc_url="https://www.mango-office.ru/support/calltracking_vs_analytics/"
        "api_dinamicheskogo_kolltrekinga/veb_khuki_kolltrekinga/",
        # The event `summary` of the virtual PBX, a JSON text in the form field `json`, from general
        # knowledge. Names of the call tracking webhooks are not published on that page.
        candidates=_names(
            callTime="create_time",
            clientNumber="from.number",
            universalId="entry_id",
            duration="talk_seconds",
            holdDuration="wait_seconds",
            status="entry_result",
            routePhone="line_number",
            managerNumber="to.number",
            direction="call_direction",
        ),
        signatures=(frozenset({"entry_id", "entry_result", "create_time"}),),
        computed=talk_times,
    ),
)
PRESETS = {one.key: one for one in _ALL}
