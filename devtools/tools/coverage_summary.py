"""Prints branch coverage of the product: each package, the ten least covered modules, the total.

    python -m devtools.tools.coverage_summary          after `./test --coverage`, which runs it

Only code that ran inside pytest counts: workers, gunicorn and Celery in processes of their own are
exercised by the tests of faults and journeys, but not measured.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coverage import Coverage

LEAST = 10
#: Modules with less than this to cover say nothing by their share.
MIN_SIZE = 10


@dataclass
class Tally:
    """Statements and branches: how many there are, how many ran."""

    size: int = 0
    covered: int = 0

    def add(self, other: Tally) -> None:
        """Count the other one in."""
        self.size += other.size
        self.covered += other.covered

    @property
    def percent(self) -> float:
        """The covered share; an empty module is covered."""
        return 100 * self.covered / self.size if self.size else 100.0


def main() -> None:
    """Print the summary of the data file that pyproject.toml names."""
    print(summary(modules(Coverage())))


def modules(coverage: Coverage) -> dict[str, Tally]:
    """Return path → tally of every measured module."""
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "coverage.json")
        coverage.json_report(outfile=str(report))
        files = json.loads(report.read_text(encoding="utf-8"))["files"]
    return {path: _tally(details["summary"]) for path, details in files.items()}


def _tally(summary: dict[str, int]) -> Tally:
    return Tally(
        summary["num_statements"] + summary["num_branches"],
        summary["covered_lines"] + summary["covered_branches"],
    )


def summary(by_module: dict[str, Tally]) -> str:
    """Return the text that is printed."""
    packages: dict[str, Tally] = defaultdict(Tally)
    total = Tally()
    for path, tally in by_module.items():
        packages[_package(path)].add(tally)
        total.add(tally)
    text = io.StringIO()
    for name, tally in sorted(packages.items()):
        text.write(f"{tally.percent:6.1f} %  {name}\n")
    text.write("Least covered:\n")
    for path, tally in least_covered(by_module):
        text.write(f"{tally.percent:6.1f} %  {path}\n")
    text.write(f"{total.percent:6.1f} %  of lines and branches in all")
    return text.getvalue()


def least_covered(by_module: dict[str, Tally]) -> Iterator[tuple[str, Tally]]:
    """Yield the modules with the smallest shares, the least first."""
    large = [item for item in by_module.items() if item[1].size >= MIN_SIZE]
    yield from sorted(large, key=lambda item: (item[1].percent, item[0]))[:LEAST]


def _package(path: str) -> str:
    """The app, and for calls the package in it."""
    parts = Path(path).parts
    return "/".join(parts[:2]) if parts[0] == "calls" and len(parts) > 2 else parts[0]


if __name__ == "__main__":
    main()
