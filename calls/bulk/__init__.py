"""Actions on everything that a filter of a counter's history shows: `calls.bulk.orders`."""
