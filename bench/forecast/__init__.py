"""Calibration of the link forecast against the sandbox's hidden truth: `python -m bench.forecast`.

It is no figure of the paper: `docs/forecast.md` is its document.
"""
