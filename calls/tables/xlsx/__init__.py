"""Reads XLSX workbooks as a stream. Why not a library: docs/decisions/0058. Pure."""
