"""What limits a figure that misses its goal, by its number; from profiles of the product."""

from __future__ import annotations

LIMITS: dict[str, str] = {}
