"""No program logs request addresses: Yandex's OAuth code comes in one (S-33)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devtools.launcher.processes import product_programs, sandbox_programs
from devtools.launcher.run_config import RunConfig
from tests.paths import ROOT

ACCESS_LOG = re.compile(r"access[-_]?log|--log-config|GUNICORN_CMD_ARGS", re.IGNORECASE)


def test_programs_of_run_write_no_access_log(tmp_path: Path) -> None:
    config = RunConfig(tmp_path, 8000, 8001, {})
    programs = product_programs(config) | sandbox_programs(config)

    words = [word for program in programs.values() for word in program.words]

    assert "gunicorn" in words
    assert [word for word in words if ACCESS_LOG.search(word)] == []


@pytest.mark.parametrize("file", ["Dockerfile", "docker-compose.yml", ".env.example"])
def test_production_writes_no_access_log(file: str) -> None:
    assert ACCESS_LOG.findall((ROOT / file).read_text(encoding="utf-8")) == []


def test_no_file_of_settings_turns_it_on() -> None:
    # gunicorn reads such a file from the folder it is started in.
    assert not (ROOT / "gunicorn.conf.py").exists()
