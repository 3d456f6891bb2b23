"""What was measured, kept figure by figure: a run that is stopped has lost nothing."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.figure import Fact, Measured, Outcome, Run
from bench.profiling import Cost, Profile
from devtools.launcher.run_config import data_folder


def file_of(size: str) -> Path:
    """Return the file with the outcomes of runs of this size, in the data folder."""
    return data_folder(os.environ) / "bench" / f"{size}.json"


def read(size: str) -> dict[str, Outcome]:
    """Return the kept outcomes by the titles of their figures."""
    try:
        kept = json.loads(file_of(size).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {one["title"]: _outcome(one) for one in kept}


def keep(size: str, outcomes: dict[str, Outcome]) -> None:
    """Replace the file by these outcomes, at once."""
    file = file_of(size)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    text = json.dumps([asdict(one) for one in outcomes.values()], ensure_ascii=False, indent=1)
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _outcome(kept: dict[str, Any]) -> Outcome:
    measured = kept["measured"]
    return Outcome(
        **kept
        | {
            "runs": {who: [Run(**run) for run in runs] for who, runs in kept["runs"].items()},
            "facts": [Fact(**fact) for fact in kept["facts"]],
            "profiles": [_profile(one) for one in kept["profiles"]],
            "measured": measured and Measured(**measured),
        }
    )


def _profile(kept: dict[str, Any]) -> Profile:
    functions, statements = (
        [Cost(**cost) for cost in kept[name]] for name in ("functions", "statements")
    )
    return Profile(**kept | {"functions": functions, "statements": statements})
