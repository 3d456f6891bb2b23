"""Signals of this app. Sent inside the transaction of the change itself."""

from __future__ import annotations

from django.dispatch import Signal

#: A counter's settings, switch, presence or hosts changed. Arguments: ``counter``.
counter_changed = Signal()
