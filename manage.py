#!/usr/bin/env python
"""Django's command-line entry point."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

from accounts.acting import acting


def main(words: list[str]) -> None:
    """Run the command; the audit trail names it for what it changes of people and rights."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callkeeper_metrika.settings")
    with acting(f"manage.py {words[1] if len(words) > 1 else ''}".strip()):
        execute_from_command_line(words)


if __name__ == "__main__":
    main(sys.argv)
