"""Every module of the apps stands on a floor of .importlinter, so none comes without a thought."""

from __future__ import annotations

from collections.abc import Iterator
from configparser import ConfigParser

import pytest

from tests.devtools.launcher.conftest import ROOT

APPS = ("cabinets", "integrations", "counters", "calls")
#: Stands outside of the product, by contracts of its own.
SANDBOX = "devtools.sandbox"


def placed() -> set[str]:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    floors = [contracts[name]["layers"] for name in contracts if "layers" in contracts[name]]
    return set("|".join(floors).replace("|", " ").split())


def modules(app: str) -> Iterator[str]:
    for path in sorted((ROOT / app).rglob("*.py")):
        if path.name != "__init__.py" and path.parent.name != "migrations":
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def with_packages(module: str) -> set[str]:
    parts = module.split(".")
    return {".".join(parts[:count]) for count in range(2, len(parts) + 1)}


@pytest.mark.parametrize("app", APPS)
def test_every_module_stands_on_a_floor(app: str) -> None:
    floors = placed() | {SANDBOX}

    assert [module for module in modules(app) if not with_packages(module) & floors] == []


def test_every_floor_holds_modules_that_are_there() -> None:
    existing = set().union(*(with_packages(module) for app in APPS for module in modules(app)))

    assert placed() - existing == set()
