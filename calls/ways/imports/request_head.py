"""What the head of a request already tells about a file that a person uploads."""

from __future__ import annotations

import re

#: `calls:import-new`.
_UPLOAD = re.compile(r"/lk/integrations/sources/[0-9]+/imports/new")


def is_file_upload(path: str) -> bool:
    """Whether a form of this path may have a large file. Pure."""
    return _UPLOAD.fullmatch(path) is not None
