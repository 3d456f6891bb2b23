from __future__ import annotations

import shutil
from pathlib import Path

from devtools.tools.vendor_static import CONTENTS, INTER, VENDOR, differences, font_faces


def test_vendored_files_match_the_manifest() -> None:
    assert {folder: differences(folder) for folder in CONTENTS} == {
        folder: [] for folder in CONTENTS
    }


def test_changed_missing_and_unknown_files_are_all_named(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(VENDOR, tmp_path / "vendor"))
    (copy / INTER.folder / "inter.css").write_text("body {}", encoding="utf-8")
    (copy / INTER.folder / "LICENSE").unlink()
    (copy / "stray.js").write_text("", encoding="utf-8")

    changed = differences(copy)

    assert changed == [f"{INTER.folder}/LICENSE", f"{INTER.folder}/inter.css", "stray.js"]


def test_only_the_kept_subsets_are_declared_and_beside_the_style_sheet() -> None:
    css = "\n\n".join(
        f"/* inter-{subset}-wght-normal */\n@font-face {{\n"
        f"  src: url(./files/inter-{subset}-wght-normal.woff2);\n}}"
        for subset in ("greek", "cyrillic")
    )

    assert font_faces(css) == (
        "/* inter-cyrillic-wght-normal */\n@font-face {\n"
        "  src: url(./inter-cyrillic-wght-normal.woff2);\n}\n"
    )
