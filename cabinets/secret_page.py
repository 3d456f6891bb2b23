"""What the page says that shows a secret once, in the cabinet and at the support desk."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from cabinets.models import CallSource
from cabinets.sealing import Sealed


def secret_context(source: CallSource, secret: Sealed) -> dict[str, Any]:
    """Return the secret and everything else a sender needs. For an answer that is not stored."""
    return {
        "source": source,
        "secret": secret,
        "address": settings.PUBLIC_URL + reverse("calls:ingest"),
        "docs_url": docs_url(source),
    }


def docs_url(source: CallSource) -> str:
    """Return the address of the description with examples that name this source."""
    return reverse("calls:api-docs") + f"?source={source.public_id}#examples"
