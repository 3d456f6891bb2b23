"""Installation of the tested versions, with a fallback to the ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from devtools.launcher import install
from tests.paths import ROOT

FILES = sorted(path.name for path in ROOT.glob("requirements*.txt"))
Installers = Callable[[Callable[[str], bool]], list[str]]


def requirements(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    bare = [line.partition("#")[0].strip() for line in lines]
    return [Requirement(line) for line in bare if line]


def key(requirement: Requirement) -> str:
    return requirement.name.lower().replace("_", "-")


def pins() -> dict[str, list[str]]:
    """Versions by package; several if Python versions or systems need different ones."""
    found: dict[str, list[str]] = {}
    for one in requirements(install.CONSTRAINTS):
        (pin,) = one.specifier
        assert (pin.operator, one.url, one.extras) == ("==", None, set())
        found.setdefault(key(one), []).append(pin.version)
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_range_admits_the_version_that_was_tested(name: str) -> None:
    tested = pins()

    wrong = {
        key(one): tested.get(key(one), [])
        for one in requirements(name)
        if not tested.get(key(one)) or [*one.specifier.filter(tested[key(one)])] != tested[key(one)]
    }

    assert len(requirements(name)) >= 4
    assert wrong == {}


def test_constraints_have_no_url_and_no_path() -> None:
    text = (ROOT / install.CONSTRAINTS).read_text(encoding="utf-8")

    assert [word for word in ("://", "@", "/", "--") if word in text] == []


def test_other_versions_change_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "ROOT", tmp_path)
    for name in ("requirements.txt", install.CONSTRAINTS):
        (tmp_path / name).write_text("django==5.2.19\n")
    before = install.fingerprint(["requirements.txt"])

    (tmp_path / install.CONSTRAINTS).write_text("django==5.2.20\n")

    assert install.fingerprint(["requirements.txt"]) != before


@pytest.fixture
def installing(monkeypatch: pytest.MonkeyPatch) -> Installers:
    """Install with stub installers that succeed or fail as given; returns their commands."""

    def run(succeeds: Callable[[str], bool]) -> list[str]:
        asked: list[str] = []

        def shows(command: Sequence[str], environment: Mapping[str, str]) -> bool:
            asked.append(" ".join(command))
            return succeeds(asked[-1])

        monkeypatch.setattr(install, "_works", lambda python: True)
        monkeypatch.setattr(install, "_succeeds", lambda command: True)
        monkeypatch.setattr(install, "_pip_settings_for_uv", dict)
        monkeypatch.setattr(install, "_shows", shows)
        install._install(["requirements.txt"])
        return asked

    return run


def test_the_tested_versions_are_installed(
    installing: Installers, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = installing(lambda command: True)

    assert len(asked) == 1
    assert asked[0].endswith(f"-c {ROOT / install.CONSTRAINTS}")
    assert install.CONSTRAINTS not in capsys.readouterr().out


def test_ranges_are_installed_if_a_tested_version_is_unavailable(
    installing: Installers, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = installing(lambda command: install.CONSTRAINTS not in command)

    assert asked[-1].endswith(f"-r {ROOT / 'requirements.txt'}")
    assert "any versions the ranges allow: not constraints.txt" in capsys.readouterr().out


def test_missing_network_is_reported(installing: Installers) -> None:
    with pytest.raises(install.InstallationFailed, match="Is the network there"):
        installing(lambda command: False)
