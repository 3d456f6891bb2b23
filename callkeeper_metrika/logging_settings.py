"""The setting LOGGING: one line a message, redacted."""

from __future__ import annotations

from typing import Any


def logging_settings(level: str) -> dict[str, Any]:
    """Return Django's LOGGING; ``level`` is that of the root logger."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "redact": {"()": "callkeeper_metrika.redaction.RedactingFilter"},
            "one_line": {"()": "callkeeper_metrika.log_lines.OneLineFilter"},
        },
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["redact", "one_line"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # At DEBUG these two print the Basic header, codes and tokens.
            "requests_oauthlib": {"level": "WARNING"},
            "oauthlib": {"level": "WARNING"},
            # At DEBUG it prints addresses, and CallKeeper's API has the key in its address.
            "urllib3": {"level": "INFO"},
            # Django's own handler would write URLs with their query strings.
            "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        },
    }
