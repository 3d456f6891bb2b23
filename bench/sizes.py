"""How much each figure does: `--quick`, the default, and `--full`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Amounts of work. The naive peer may do less: its rate does not depend on the amount."""

    name: str
    rounds: int
    #: Calls of the bulk API, of a file, and of the steps of decisions.
    bulk_calls: int
    file_calls: int
    #: Calls of a file that is imported once, beside the rounds, in a process of its own.
    file_calls_once: int
    decided_calls: int
    #: Waiting deliveries, and how many of them one claim takes.
    waiting: int
    claimed: int
    csv_rows: int
    upload_bytes: int
    #: Signed calls, one a request.
    single_calls: int
    naive_single_calls: int
    end_to_end_calls: int
    naive_end_to_end_calls: int
    end_to_end_calls_once: int
    #: Calls in the cabinets whose pages are opened, and how often the slowest of a group is.
    page_calls: tuple[int, ...]
    page_views: int
    #: Calls of the last seven days, over which settings are previewed.
    preview_calls: int
    #: Deliveries that wait when settings are saved and due streams are found.
    saved_waiting: int
    due_waiting: int
    #: Rows of a filter that bulk actions change.
    acted_rows: int
    #: Calls of a day whose links are proved, and hits of that day's logs beside theirs.
    proved_calls: int
    exported_hits: int
    #: Counters of the installation while ticks are measured.
    idle_counters: int
    #: How often a worker is killed, and the numbers of streams of the simulated days.
    kills: int
    budget_streams: tuple[int, ...]
    #: Whether peaks of memory are measured, each in a process of its own.
    measures_memory: bool = True
    #: How many states and how many reasons the history is filtered by.
    filters: int = 1000
    takes_profiles: bool = True
    #: Seconds after which a figure is stopped; see `Figure.limits`.
    limit_seconds: float = 300

    def naive(self, amount: int) -> int:
        """Return how much of an amount the naive peer does."""
        return max(1, min(amount, 20_000))


SMOKE = Sizes(
    name="smoke",
    rounds=1,
    bulk_calls=60,
    file_calls=60,
    file_calls_once=60,
    decided_calls=60,
    waiting=400,
    claimed=200,
    csv_rows=200,
    upload_bytes=200_000,
    single_calls=5,
    naive_single_calls=5,
    end_to_end_calls=60,
    naive_end_to_end_calls=5,
    end_to_end_calls_once=60,
    page_calls=(200,),
    page_views=0,
    preview_calls=120,
    saved_waiting=200,
    due_waiting=200,
    acted_rows=60,
    proved_calls=60,
    exported_hits=500,
    idle_counters=5,
    kills=0,
    budget_streams=(1,),
    measures_memory=False,
    filters=2,
    takes_profiles=False,
)
QUICK = Sizes(
    name="quick",
    rounds=3,
    bulk_calls=500,
    file_calls=1000,
    file_calls_once=2000,
    decided_calls=1000,
    waiting=20_000,
    claimed=2000,
    csv_rows=10_000,
    upload_bytes=10_000_000,
    single_calls=96,
    naive_single_calls=32,
    end_to_end_calls=1000,
    naive_end_to_end_calls=20,
    end_to_end_calls_once=2000,
    page_calls=(3000,),
    page_views=2,
    preview_calls=20_000,
    saved_waiting=5000,
    due_waiting=20_000,
    acted_rows=5000,
    proved_calls=2000,
    exported_hits=20_000,
    idle_counters=50,
    kills=0,
    budget_streams=(1,),
    limit_seconds=60,
    filters=2,
    takes_profiles=False,
)
DEFAULT = Sizes(
    name="default",
    rounds=3,
    bulk_calls=5000,
    file_calls=10_000,
    file_calls_once=50_000,
    decided_calls=10_000,
    waiting=200_000,
    claimed=20_000,
    csv_rows=100_000,
    upload_bytes=200_000_000,
    single_calls=2000,
    naive_single_calls=400,
    end_to_end_calls=10_000,
    naive_end_to_end_calls=300,
    end_to_end_calls_once=50_000,
    page_calls=(100_000,),
    page_views=10,
    preview_calls=100_000,
    saved_waiting=20_000,
    due_waiting=200_000,
    acted_rows=100_000,
    proved_calls=20_000,
    exported_hits=200_000,
    idle_counters=2000,
    kills=1,
    budget_streams=(1, 100),
)
FULL = Sizes(
    name="full",
    rounds=3,
    bulk_calls=10_000,
    file_calls=50_000,
    file_calls_once=1_000_000,
    decided_calls=50_000,
    waiting=1_000_000,
    claimed=100_000,
    csv_rows=1_000_000,
    upload_bytes=200_000_000,
    single_calls=4000,
    naive_single_calls=800,
    end_to_end_calls=50_000,
    naive_end_to_end_calls=500,
    end_to_end_calls_once=1_000_000,
    page_calls=(1_000_000, 10_000_000),
    page_views=40,
    preview_calls=100_000,
    saved_waiting=100_000,
    due_waiting=2_000_000,
    acted_rows=100_000,
    proved_calls=100_000,
    exported_hits=1_000_000,
    idle_counters=2000,
    kills=3,
    budget_streams=(1, 10, 100, 1000),
    limit_seconds=600,
)
