"""Tables of calls in files: CSV, XLSX, JSON and JSON Lines, read row by row. Pure."""
