"""Counts of calls and of the ledger by hour: kept ready, and exact to the row at any moment."""
