"""The figures: each prepares its data, then does the same work as product, floor and naive peer."""

from __future__ import annotations

from bench.figure import Figure
from bench.figures import (
    cold_start,
    p1_bulk,
    p2_import,
    p3_decisions,
    p4_claim,
    p5_csv,
    p6_send,
    p7_single,
    p8_end_to_end,
    p9_pages,
    p10_resume,
    p11_budget,
    p12_retention,
    p14_preview,
    p15_actions,
    p16_link_proof,
    p17_agreement,
    storage,
    waiting,
)

ALL: tuple[type[Figure], ...] = (
    p1_bulk.OneCounter,
    p1_bulk.TwoCounters,
    p1_bulk.FiveCounters,
    p2_import.Import,
    p3_decisions.OneCounter,
    p3_decisions.ThreeCounters,
    p4_claim.Claim,
    p5_csv.Csv,
    p6_send.Send,
    p7_single.Single,
    p8_end_to_end.EndToEnd,
    p10_resume.Resume,
    p11_budget.Budget,
    p14_preview.Preview,
    storage.Storage,
    p15_actions.Actions,
    p16_link_proof.LinkProofs,
    p17_agreement.Agreement,
    waiting.Save,
    waiting.Due,
    cold_start.ColdStart,
    # Last: they take the longest, and a run that is stopped then has all others.
    p9_pages.Pages,
    # Of the calls that P9 leaves.
    p12_retention.Retention,
)
