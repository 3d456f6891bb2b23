"""What a response of the test client shows to the user."""

from __future__ import annotations

from typing import Any

from django.contrib.messages import get_messages


def messages_of(response: Any) -> list[str]:
    """Return the texts of the flash messages that the view added."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def text_of(response: Any) -> str:
    """Return the body as text."""
    return str(response.content.decode())
