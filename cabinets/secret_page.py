"""Template context of the page that shows a secret once, in the cabinet and in the admin."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from cabinets.models import CallSource
from cabinets.sealing import Secret
from cabinets.senders import senders


def secret_context(source: CallSource, secret: Secret) -> dict[str, Any]:
    """Return the secret and what else a sender needs. For a response that is not stored."""
    address = settings.PUBLIC_URL + reverse("calls:ingest")
    return {
        "source": source,
        "secret": secret,
        "address": address,
        "docs_url": docs_url(source),
        "senders": senders(address=address, source_id=source.public_id, secret=secret),
    }


def docs_url(source: CallSource) -> str:
    """Return the URL of the API description with examples for this source."""
    return reverse("calls:api-docs") + f"?source={source.public_id}#examples"
