"""The summary of coverage: packages, the least covered modules, the total."""

from __future__ import annotations

from devtools.tools.coverage_summary import Tally, summary


def test_summary_adds_up_packages_and_lists_the_least_covered_first() -> None:
    modules = {
        "calls/delivery/sending.py": Tally(100, 90),
        "calls/delivery/queue.py": Tally(100, 100),
        "calls/states.py": Tally(50, 50),
        "counters/models.py": Tally(50, 20),
        "counters/__init__.py": Tally(0, 0),
    }

    assert summary(modules).splitlines() == [
        " 100.0 %  calls",
        "  95.0 %  calls/delivery",
        "  40.0 %  counters",
        "Least covered:",
        "  40.0 %  counters/models.py",
        "  90.0 %  calls/delivery/sending.py",
        " 100.0 %  calls/delivery/queue.py",
        " 100.0 %  calls/states.py",
        "  86.7 %  of lines and branches in all",
    ]
