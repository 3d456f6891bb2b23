"""Compiles the translations in locale/, without the programs of GNU gettext.

The build does it: `./run`, `./test` and the Dockerfile. Compiled files are not in the repository.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

LOCALE = Path(__file__).resolve().parent.parent / "locale"


def compile_catalogues(folder: Path = LOCALE) -> list[Path]:
    """Write a .mo file beside each .po file that is newer; return those that were written."""
    sources = sorted(folder.glob("*/LC_MESSAGES/*.po"))
    stale = [source for source in sources if _is_stale(source)]
    return [_compile(source) for source in stale]


def _is_stale(source: Path) -> bool:
    compiled = source.with_suffix(".mo")
    return not compiled.exists() or compiled.stat().st_mtime_ns <= source.stat().st_mtime_ns


def _compile(source: Path) -> Path:
    # Not at the start of every process: only a build compiles.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with source.open("rb") as file:
        catalogue = read_po(file)
    # Renamed into place: another process may be reading, or compiling the same file.
    number, name = tempfile.mkstemp(dir=source.parent, suffix=".mo.part")
    with os.fdopen(number, "wb") as file:
        write_mo(file, catalogue)
    os.chmod(name, 0o644)
    compiled = source.with_suffix(".mo")
    os.replace(name, compiled)
    return compiled


if __name__ == "__main__":
    compile_catalogues()
