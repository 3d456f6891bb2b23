"""How often each fault of an installation occurs: assumptions of ours, in three scenarios."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shares:
    """The shares of one scenario; `FAULTS` says of what each is a share."""

    static: float
    no_identifier: float
    unreadable: float
    other_form: float
    yclid_only: float
    user_id_only: float
    later_visit: float
    renewed_cookie: float
    other_counter: float
    weeks_old: float
    too_old: float
    office: float
    blocked: float
    no_user_id_set: float
    no_auto_tagging: float
    other_counter_always: float
    template_constant: float


NAMES = ("clean", "ordinary", "bad")
CALLS, VISITORS, SITES = "calls", "visitors", "sites"
#: Field, of what it is a share, what it is, and the share in each scenario.
FAULTS: tuple[tuple[str, str, str, tuple[float, float, float]], ...] = (
    ("static", CALLS, "static", (0.05, 0.06, 0.06)),
    ("no_identifier", CALLS, "no identifier came", (0.03, 0.08, 0.20)),
    ("unreadable", CALLS, "identifier rounded by a spreadsheet", (0.002, 0.01, 0.04)),
    ("other_form", CALLS, "placeholder, or ClientID of Google Analytics", (0.001, 0.01, 0.06)),
    ("yclid_only", CALLS, "only the click of Direct came", (0.04, 0.06, 0.08)),
    ("user_id_only", CALLS, "only the site's UserID came", (0.02, 0.03, 0.04)),
    ("later_visit", CALLS, "first visit after the call", (0.005, 0.015, 0.03)),
    ("renewed_cookie", CALLS, "cookie renewed between visit and call", (0.005, 0.015, 0.04)),
    ("other_counter", CALLS, "ClientID of another counter", (0.002, 0.01, 0.02)),
    ("weeks_old", CALLS, "sent 13 to 21 days after the call", (0.01, 0.03, 0.06)),
    ("too_old", CALLS, "received later than 21 days", (0.001, 0.005, 0.015)),
    ("office", CALLS, "one browser of many callers", (0.01, 0.02, 0.03)),
    ("blocked", VISITORS, "tag blocked, cookie of an earlier time", (0.01, 0.025, 0.06)),
    ("no_user_id_set", SITES, "UserID is not given to Metrika", (0.10, 0.40, 0.80)),
    ("no_auto_tagging", SITES, "clicks of Direct do not reach Metrika", (0.05, 0.15, 0.40)),
    (
        "other_counter_always",
        SITES,
        "a source sends the ClientID of another counter, at half of them every source",
        (0, 0.10, 0.35),
    ),
    ("template_constant", SITES, "a source sends one ClientID for all", (0, 0.05, 0.10)),
)
SCENARIOS = {
    name: Shares(**{field: shares[place] for field, _of, _what, shares in FAULTS})
    for place, name in enumerate(NAMES)
}


def table() -> str:
    """Return the shares in Markdown."""
    head = f"| share of | fault | {' | '.join(NAMES)} |\n| --- | --- |" + " --: |" * len(NAMES)
    lines = [
        f"| {of} | {what} | {' | '.join(f'{share:.1%}' for share in shares)} |"
        for _field, of, what, shares in FAULTS
    ]
    return "\n".join([head, *lines])
