"""The audit page: what people and the product did in a cabinet, in words."""
