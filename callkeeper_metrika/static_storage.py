"""Storage of static files that compresses with gzip only."""

from __future__ import annotations

from typing import Any

from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class GzipManifestStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage without Brotli, which takes seven seconds instead of a third of one."""

    def create_compressor(self, **kwargs: Any) -> Compressor:
        """Return a compressor that makes `.gz` files only."""
        return Compressor(**kwargs | {"use_brotli": False})
