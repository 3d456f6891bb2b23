"""The floors: the same rows and bytes with the least that a durable answer needs."""
