"""The image runs without the files that .dockerignore excludes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT


def kept_out() -> set[str]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def modules_of_the_image() -> Iterator[Path]:
    absent = [ROOT / name for name in kept_out()]
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            yield from (
                path
                for path in folder.rglob("*.py")
                if not any(path == gone or gone in path.parents for gone in absent)
            )


def imported(path: Path) -> Iterator[str]:
    """The full names of all modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_in_the_image_imports_what_is_kept_out_of_it() -> None:
    absent = {
        name.replace("/", ".") for name in kept_out() if (ROOT / name / "__init__.py").exists()
    }
    assert {"devtools.launcher", "devtools.soak", "tests"} <= absent

    missing = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules_of_the_image()
        for name in imported(path)
        if any(f"{name}.".startswith(f"{gone}.") for gone in absent)
    ]

    assert missing == []


def test_values_of_the_build_start_the_product() -> None:
    """collectstatic of the build runs with these values only."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (step,) = re.findall(r"^RUN (SECRET_KEY=.*?)python manage.py", dockerfile, re.M | re.S)
    given = dict(re.findall(r"([A-Z_]+)=(\S+)", step))

    run = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        env=given | {"DJANGO_SETTINGS_MODULE": "callkeeper_metrika.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")


def test_the_image_has_the_commands_that_operations_name() -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in modules_of_the_image()}

    assert "calls/management/commands/run_sender.py" in modules
    assert "calls/management/commands/import_calls.py" in modules
    # The sandbox of `docker compose --profile demo`.
    assert "devtools/sandbox/__main__.py" in modules
