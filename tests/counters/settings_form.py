"""POST data of the settings window; a test names only what it changes."""

from __future__ import annotations

from typing import Any

from counters.models import Counter
from counters.settings.forms import CounterSettingsForm


def posted(counter: Counter, **changes: Any) -> dict[str, Any]:
    """Return the form's values by HTML name, with changes; None leaves a field out."""
    form = CounterSettingsForm(counter=counter)
    enabled = [form[name] for name, field in form.fields.items() if not field.disabled]
    shown = {field.html_name: field.value() for field in enabled} | changes
    # An unticked box is not sent at all.
    return {name: value for name, value in shown.items() if not (value is None or value is False)}


def filled(counter: Counter, **changes: Any) -> CounterSettingsForm:
    return CounterSettingsForm(posted(counter, **changes), counter=counter)
