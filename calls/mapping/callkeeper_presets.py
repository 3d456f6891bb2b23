"""Ready mappings for what CallKeeper itself sends. Pure."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from calls.mapping.our_fields import BY_NAME
from calls.mapping.preset import Preset, names

_DOCS = "https://github.com/yuferev/callkeeper/blob/master/documentation"

CALLKEEPER_PRESETS = (
    Preset(
        key="callkeeper_callback",
        title=_("CallKeeper: вебхук обратного звонка"),
        doc_url=f"{_DOCS}/webhooks/README.md",
        # `date` is UTC: in the published sample it equals `date_timestamp`. `duration2_sec` is a
        # name of the older callback API.
        candidates=names(
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
        doc_url=f"{_DOCS}/webhooks/README.md",
        # The customer chooses the names in the query; these are the names of the values.
        candidates=names(
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
        doc_url=f"{_DOCS}/api/api_methods/getCalls.md",
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
        doc_url=f"{_DOCS}/api/api_methods/ckct/api_ckct.md",
        # The parser reads `callId` and `state` where they stand.
        candidates=names(
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
)
