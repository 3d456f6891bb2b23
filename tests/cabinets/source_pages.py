"""URLs of «Источники звонков», and what their responses show."""

from __future__ import annotations

import re
from typing import Any

from django.urls import reverse

from cabinets.models import CallSource, SigningSecret

LIST = "/lk/integrations/sources"
ADD = f"{LIST}/add"
SECOND = "whsec_cm90YXRlZC1zZWNyZXQtb2YtMjQtYnl0ZXM="
OTHER_KEY = "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="
SHOWN = re.compile(r"<code[^>]*>(whsec_[A-Za-z0-9+/=]{44})</code>")


def rotate_url(source: CallSource) -> str:
    return reverse("cabinets:source-rotate", args=[source.pk])


def switch_url(source: CallSource) -> str:
    return reverse("cabinets:source-switch", args=[source.pk])


def retire_url(source: CallSource, secret: SigningSecret) -> str:
    return reverse("cabinets:source-retire", args=[source.pk, secret.pk])


def live(source: CallSource) -> list[str]:
    return [str(one.secret) for one in source.signing_secrets.order_by("created_at", "pk")]


def shown_secret(answer: Any) -> str:
    (secret,) = SHOWN.findall(answer.content.decode())
    return str(secret)
