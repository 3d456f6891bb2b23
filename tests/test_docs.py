"""What papers and settings of tools name is there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

PAPERS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
#: Where a path may start: at the root, at the tests (docs/reliability.md), beside the paper.
STARTS = (ROOT, ROOT / "tests", ROOT / "docs")


def named_paths(text: str) -> Iterator[str]:
    """The paths of this repository that stand in backticks or behind a link."""
    for path in re.findall(r"`([\w./*-]+/[\w./*-]*)`|\]\(([\w./-]+)\)", text):
        yield next(filter(None, path))


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_every_path_that_a_paper_names_exists(paper: Path) -> None:
    named = set(named_paths(paper.read_text(encoding="utf-8")))
    ours = {path for path in named if path.partition("/")[0] in FOLDERS}

    assert {path for path in ours if not any([*start.glob(path)] for start in STARTS)} == set()


def test_mypy_is_strict_and_no_override_relaxes_it() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    mypy = settings["tool"]["mypy"]

    assert mypy["strict"] is True
    assert [key for key, value in mypy.items() if value is False] == []
    for override in mypy["overrides"]:
        assert override.keys() == {"module", "ignore_missing_imports"}
        assert [name for name in override["module"] if _is_ours(name)] == []


def _is_ours(name: str) -> bool:
    return (ROOT / name.split(".")[0]).exists()
