"""The error that ends `./run` with a sentence."""

from __future__ import annotations


class StartError(Exception):
    """The product cannot be started; the text is one sentence for the person at the terminal."""
