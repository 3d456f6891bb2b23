"""Ready mappings for other call tracking services. Pure.

Each names its public documentation. Names that the documentation does not list, or that the
service's customers choose themselves, are marked in the comment of the preset; a mapping is changed
on the page of the source when an account uses other names.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from calls.mapping.mango import talk_times
from calls.mapping.preset import Preset, names

VENDOR_PRESETS = (
    Preset(
        key="calltouch",
        title=_("Calltouch"),
        doc_url="https://www.calltouch.ru/support/otpravka-informatsii-o-zvonkakh-zayavkakh-"
        "chatakh-iz-calltouch-v-lyubuyu-sistemu-s-pomoshchyu-webhoo/",
        # The page lists no names. Those of public handlers of these webhooks: id, callerphone,
        # calledphone, operatorphone, calltime, duration, status. The others, and the phases of a
        # call, are from general knowledge.
        candidates=names(
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
        candidates=names(
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
        candidates=names(
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
        candidates=names(
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
        candidates=names(
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
        candidates=names(
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
