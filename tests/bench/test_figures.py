"""The figures of the benchmark run, and what of them is no matter of time.

The bounds are of the product as it is: a change that raises a cost has to raise its bound here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import override_settings

from bench import world
from bench.figure import Figure, Outcome
from bench.figures import (
    p1_bulk,
    p3_decisions,
    p4_claim,
    p5_csv,
    p7_single,
    p8_end_to_end,
    p9_pages,
    p11_budget,
    p14_preview,
    p16_link_proof,
)
from bench.rounds import run
from bench.session import failures
from bench.sink import Sink
from bench.sizes import SMOKE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sink() -> Iterator[None]:
    """A process in place of Metrika."""
    server = Sink()
    server.start()
    with override_settings(
        METRIKA_API_URL=server.url, UPLOAD_MIN_WAIT_SECONDS=0, ATTEMPT_WAIT_SECONDS=0
    ):
        yield
    server.stop()


def outcome_of(figure: type[Figure]) -> Outcome:
    return run(figure(SMOKE))


def test_the_contenders_of_a_figure_do_the_same_amount_of_work() -> None:
    figures = (
        p1_bulk.OneCounter,
        p3_decisions.ThreeCounters,
        p4_claim.Claim,
        p5_csv.Csv,
        p14_preview.Preview,
    )

    outcomes = [outcome_of(figure) for figure in figures]

    done = [{who: runs[0].units for who, runs in one.runs.items()} for one in outcomes]
    assert [units["product"] - units["floor"] for units in done] == [0] * 5
    assert [done[place]["naive"] for place in (0, 2, 3)] == [60, 200, 200]
    assert [done[place]["product"] for place in (0, 2, 3)] == [60, 200, 200]
    assert done[4]["product"] >= 4 * 100


def test_a_login_keeps_to_its_day_and_its_streams_to_their_interval() -> None:
    facts = outcome_of(p11_budget.Budget).facts

    assert [fact.unit for fact in facts if fact.is_met] == ["requests", "×"]
    # A call waits at every moment, so there is a file every five minutes, and what follows it.
    assert 400 < facts[0].value < 600


def test_calls_of_a_file_end_with_metrika(sink: None) -> None:
    outcome = outcome_of(p8_end_to_end.EndToEnd)

    assert outcome.runs["product"][0].units == SMOKE.end_to_end_calls


def test_a_call_costs_no_more_statements_and_bytes_than_it_does_now() -> None:
    facts = {fact.title: fact.value for fact in p7_single.costs_of_a_call(world.make_world(1))}

    assert facts["statements a call"] <= 5
    assert facts["ledger rows a call"] == 1
    # With the marks of its hour, one by the call and one by its rows (ADR 0079).
    assert facts["WAL a call"] <= 4200


def test_a_session_that_took_a_call_plans_no_statement_for_the_next_ones() -> None:
    owner = world.make_world(1)
    calls = [json.dumps(one).encode() for one in world.records(8, prefix="72-")]
    for body in calls[:4]:
        owner.post(body)
    before = _plans()

    for body in calls[4:]:
        owner.post(body)

    # Custom plans are made anew at each execution.
    custom, executed = (after - one for after, one in zip(_plans(), before, strict=True))
    assert custom == 0
    assert executed >= 4


def _plans() -> tuple[int, int]:
    custom, generic = world.rows(
        "SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements"
    )[0]
    return int(custom), int(generic)


def test_twice_the_calls_are_sent_in_as_many_requests(sink: None) -> None:
    few, many = (_requests_of(calls) for calls in (60, 120))

    assert few == many
    assert sum(few) <= 6


def _requests_of(calls: int) -> tuple[int, int]:
    """Send a file of so many calls; return the requests with files, and all others."""
    figure = p8_end_to_end.EndToEnd(replace(SMOKE, end_to_end_calls=calls))
    figure.prepare()
    figure.reset("product")
    world.execute("TRUNCATE integrations_requestday")
    figure.product()
    counted = world.rows(
        "SELECT sum(uploads), sum(polls + looks + other) FROM integrations_requestday"
        " WHERE yandex_uid = %s",
        [figure.world.counters[0].account.yandex_uid],
    )[0]
    figure.finish()
    return int(counted[0]), int(counted[1])


def test_no_page_asks_more_queries_for_more_calls() -> None:
    few, many = (_queries(calls) for calls in (120, 240))

    assert {page: count for page, count in many.items() if count > few[page]} == {}
    assert max(few.values()) <= 40


def _queries(calls: int) -> dict[str, float]:
    pages = p9_pages.Pages(SMOKE)
    pages.measure(calls)
    queries = [fact for fact in pages.facts if fact.title.endswith(": queries")]
    return {fact.title.partition(": ")[2]: fact.value for fact in queries}


def test_links_are_proved_as_the_sandbox_made_them(sink: None) -> None:
    outcome = outcome_of(p16_link_proof.LinkProofs)

    facts = {fact.title.partition(": ")[2]: fact.value for fact in outcome.facts}
    assert facts["wrong proofs"] == 0
    assert facts["of 50 planted rows reported"] == 50
    assert facts["other rows reported"] == 0
    assert 0 < facts["linked to a visit"] < SMOKE.proved_calls
    # One wrong proof fails the benchmark, and so does one that could not be compared.
    assert failures(p16_link_proof.LinkProofs, outcome) == []
    of_proofs = next(one for one in outcome.facts if one.title.endswith("wrong proofs"))
    outcome.facts.append(replace(of_proofs, value=1))
    assert len(failures(p16_link_proof.LinkProofs, outcome)) == 1
    outcome.facts[:] = outcome.facts[:1]
    assert failures(p16_link_proof.LinkProofs, outcome)
