"""Fetch the third-party files of the vendor folders again, or check that they are unchanged.

The built files are committed, so running and testing the product needs no node. Re-vendoring does:
it packs the pinned npm packages, refuses any whose integrity differs from the pin, keeps the few
files we serve together with their licence, and writes ``static/vendor/MANIFEST.json``.

    python devtools/tools/vendor_static.py            fetch again (needs npm)
    python devtools/tools/vendor_static.py --check    compare with the manifest (needs nothing)
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "static" / "vendor"
TEST_VENDOR = ROOT / "tests" / "vendor"
MANIFEST = "MANIFEST.json"


@dataclass(frozen=True)
class Package:
    """An npm package at one version, with npm's own integrity of its tarball."""

    name: str
    version: str
    licence: str
    integrity: str

    @property
    def folder(self) -> str:
        """Folder below the vendor folder; with the version, so an upgrade is a new address."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}"


INTER = Package(
    "@fontsource-variable/inter",
    "5.3.0",
    "OFL-1.1",
    "sha512-OupL48va4JNofb97w6NYeF9S7W/kHNKM0Er8Dem5nqi4jeOLrVJDoE8tZEpnMJmtkvNbB1EIPPwHcdkF6b1oUA==",
)
ICONS = Package(
    "@tabler/icons",
    "3.51.0",
    "MIT",
    "sha512-0pinvPZz7YeX+OSfxuEAbnEPWbocVXW5iU8h5lh41pYG8sZuQfpWECC980lxOT0clGIcNGn8xsBr+zKaRGdA/g==",
)
UPLOT = Package(
    "uplot",
    "1.6.32",
    "MIT",
    "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
)
AXE = Package(
    "axe-core",
    "4.14.1",
    "MPL-2.0",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)

# Of the seven subsets: Russian, the Cyrillic of other languages, Latin, and the rouble sign
# (U+20BD), which lives in latin-ext.
FONT_SUBSETS = ("cyrillic", "cyrillic-ext", "latin", "latin-ext")

ICON_NAMES = (
    "alert-triangle",
    "arrow-left",
    "arrow-right",
    "ban",
    "bell",
    "chart-bar",
    "check",
    "chevron-down",
    "circle-check",
    "circle-x",
    "clock",
    "copy",
    "device-sim",
    "download",
    "external-link",
    "file-text",
    "forms",
    "history",
    "inbox",
    "info-circle",
    "logout",
    "menu-2",
    "minus",
    "phone-call",
    "plug-connected",
    "plus",
    "refresh",
    "search",
    "send",
    "tool",
    "trash",
    "unlink",
    "user",
    "x",
)


class IntegrityMismatch(Exception):
    """A fetched package differs from the pinned one."""


def fetch(package: Package, into: Path) -> tarfile.TarFile:
    """Pack the package with npm into a folder and open it after checking its integrity."""
    answer = subprocess.run(
        ["npm", "pack", f"{package.name}@{package.version}", "--json", "--pack-destination", into],
        check=True,
        capture_output=True,
        text=True,
    )
    tarball = into / json.loads(answer.stdout)[0]["filename"]
    digest = hashlib.sha512(tarball.read_bytes()).digest()
    integrity = "sha512-" + base64.b64encode(digest).decode()
    if integrity != package.integrity:
        raise IntegrityMismatch(f"{package.name}@{package.version}: {integrity}")
    return tarfile.open(tarball)


def read_member(archive: tarfile.TarFile, path: str) -> bytes:
    member = archive.extractfile(f"package/{path}")
    if member is None:
        raise FileNotFoundError(path)
    return member.read()


def inter_files(archive: tarfile.TarFile) -> dict[str, bytes]:
    files = {"LICENSE": read_member(archive, "LICENSE")}
    for subset in FONT_SUBSETS:
        name = f"inter-{subset}-wght-normal.woff2"
        files[name] = read_member(archive, f"files/{name}")
    files["inter.css"] = font_faces(read_member(archive, "index.css").decode()).encode()
    return files


def font_faces(css: str) -> str:
    """The ``@font-face`` rules of the subsets we keep, pointing at files beside the style sheet."""
    kept = [
        rule
        for rule in re.findall(r"/\* .+? \*/\n@font-face \{.+?\}", css, re.DOTALL)
        if any(f"/inter-{subset}-wght-normal.woff2" in rule for subset in FONT_SUBSETS)
    ]
    return "\n\n".join(kept).replace("url(./files/", "url(./") + "\n"


def icon_files(archive: tarfile.TarFile) -> dict[str, bytes]:
    symbols = [symbol(archive, name) for name in ICON_NAMES]
    sprite = '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"
    return {"LICENSE": read_member(archive, "LICENSE"), "sprite.svg": sprite.encode()}


def symbol(archive: tarfile.TarFile, name: str) -> str:
    """One outline icon as a ``<symbol>``; line width and colour come from our style sheet."""
    svg = read_member(archive, f"icons/outline/{name}.svg").decode()
    shapes = re.findall(r"<(?!svg|/svg)[^>]+/>", svg)
    drawn = "".join(shape for shape in shapes if 'stroke="none"' not in shape)
    return f'<symbol id="{name}" viewBox="0 0 24 24">{drawn}</symbol>'


def uplot_files(archive: tarfile.TarFile) -> dict[str, bytes]:
    names = ("uPlot.iife.min.js", "uPlot.min.css")
    built = {name: read_member(archive, f"dist/{name}") for name in names}
    return {"LICENSE": read_member(archive, "LICENSE"), **built}


def axe_files(archive: tarfile.TarFile) -> dict[str, bytes]:
    names = ("LICENSE", "LICENSE-3RD-PARTY.txt", "axe.min.js")
    return {name: read_member(archive, name) for name in names}


#: What each vendor folder holds.
CONTENTS = {
    VENDOR: ((INTER, inter_files), (ICONS, icon_files), (UPLOT, uplot_files)),
    TEST_VENDOR: ((AXE, axe_files),),
}


def vendor(folder: Path) -> None:
    """Replace everything below a vendor folder by freshly fetched files and their manifest."""
    with tempfile.TemporaryDirectory() as packed:
        contents = {}
        for package, pick in CONTENTS[folder]:
            with fetch(package, Path(packed)) as archive:
                contents[package] = pick(archive)
    shutil.rmtree(folder, ignore_errors=True)
    manifest = {
        package.folder: write(package, files, folder / package.folder)
        for package, files in contents.items()
    }
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def write(package: Package, files: dict[str, bytes], target: Path) -> dict[str, object]:
    """Write one package's files and return its entry in the manifest."""
    target.mkdir(parents=True)
    for name, body in files.items():
        (target / name).write_bytes(body)
    return {
        "package": package.name,
        "version": package.version,
        "licence": package.licence,
        "integrity": package.integrity,
        "sha256": {name: hashlib.sha256(body).hexdigest() for name, body in sorted(files.items())},
    }


def differences(vendor: Path = VENDOR) -> list[str]:
    """Files below a vendor folder that are missing, changed, or unknown to its manifest."""
    manifest = json.loads((vendor / MANIFEST).read_text(encoding="utf-8"))
    expected = {
        f"{folder}/{name}": digest
        for folder, entry in manifest.items()
        for name, digest in entry["sha256"].items()
    }
    found = {
        path.relative_to(vendor).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }
    return sorted(name for name in expected | found if expected.get(name) != found.get(name))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="compare with the manifest only")
    if not parser.parse_args().check:
        for folder in CONTENTS:
            vendor(folder)
    changed = [(folder, name) for folder in CONTENTS for name in differences(folder)]
    for folder, name in changed:
        sys.stderr.write(f"{folder.relative_to(ROOT)}/{name} differs from {MANIFEST}\n")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
