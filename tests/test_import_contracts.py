"""Who may import whom: an import of the app above is refused, wherever it stands."""

from __future__ import annotations

import ast
import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import grimp
import pytest

from tests.paths import ROOT

LINT = "from importlinter.cli import lint_imports_command as c; c()"


def contracts() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    return parser


APPS = contracts()["importlinter:contract:apps"]["layers"].split()
#: Importer, and what it may not import, for each app and the one above it.
UPWARD = [(lower, upper) for upper, lower in itertools.pairwise(APPS)]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*APPS)


def modules(app: str) -> Iterator[str]:
    for path in sorted((ROOT / app).rglob("*.py")):
        if path.name != "__init__.py":
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_every_app_of_the_project_is_under_the_contract() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}

    assert packages == set(APPS)
    assert set(contracts()["importlinter"]["root_packages"].split()) == packages


@pytest.mark.parametrize(("lower", "upper"), UPWARD, ids=lambda app: str(app))
def test_no_module_may_import_the_app_above(
    graph: grimp.ImportGraph, lower: str, upper: str
) -> None:
    unnoticed = [module for module in modules(lower) if not is_refused(graph, module, upper)]

    assert unnoticed == []


def is_refused(graph: grimp.ImportGraph, importer: str, imported: str) -> bool:
    graph.add_import(importer=importer, imported=imported)
    try:
        return bool(graph.find_illegal_dependencies_for_layers(layers=APPS))
    finally:
        graph.remove_import(importer=importer, imported=imported)


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("counters/hosts.py", "from calls.models import Call"),
        ("integrations/yandex/masking.py", "import counters.models"),
        ("calls/models/call.py", "from calls.pages import views"),
        ("cabinets/models.py", "def later():\n    import devtools.sandbox"),
    ],
)
def test_planted_import_fails_the_check(tmp_path: Path, module: str, planted: str) -> None:
    for name in (*APPS, ".importlinter"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    with (tmp_path / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{planted}\n")

    lint = subprocess.run(
        [sys.executable, "-c", LINT], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert lint.returncode == 1, lint.stderr
    assert "BROKEN" in lint.stdout


#: What the docstring of a module says if the module must reach no table.
SAYS_PURE = re.compile(r"\b[Pp]ure\b")
TABLES = [f"{app}.models" for app in ("cabinets", "integrations", "counters", "calls")]


def pure_modules() -> list[str]:
    return [
        module
        for app in APPS
        for module in modules(app)
        if SAYS_PURE.search(ast.get_docstring(ast.parse(source(module))) or "")
    ]


def source(module: str) -> str:
    return (ROOT / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8")


def test_modules_that_call_themselves_pure_reach_no_model(graph: grimp.ImportGraph) -> None:
    pure = pure_modules()
    chains = [
        chain
        for module in pure
        for table in TABLES
        if (chain := graph.find_shortest_chain(importer=module, imported=table, as_packages=True))
    ]

    assert {"calls.delivery.policy", "calls.reconciliation.diff", "calls.ingest.signatures"} <= set(
        pure
    )
    assert chains == []
