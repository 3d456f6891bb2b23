"""The naive peer: the same work as a Django project writes it first, on tables of its own."""
