"""A hypothesis strategy: any JSON in any field that is parsed."""

from __future__ import annotations

from hypothesis import strategies as st

#: Every field that is parsed, and the two that are not content.
FIELDS = [
    *("universalId", "serviceType", "callTime", "clientNumber", "duration", "holdDuration"),
    *("waitTime", "duration_sec", "duration2_sec", "statusFirst", "statusSecond", "state"),
    *("status", "unique", "target", "uniqueTarget", "tags", "yaClid", "yclid", "userId"),
    *("user_id", "callPage", "entryPointQuery", "site", "visitSite", "siteVisit", "callType"),
    *("isStatic", "static", "ctCampaignId", "campaignId", "ctCampaignName", "campaignName"),
    *("cbCallId", "cbAttempt", "cbAttemptsQueue", "managerNumber", "routePhone", "ctCallId"),
    *("calltracking_number", "page", "hooks", "callId", "id", "hook_event", "widget_hash"),
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
RECORDS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=12)
