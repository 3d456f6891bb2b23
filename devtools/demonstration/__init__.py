"""Invented calls and people for trying the product. Everything here is made by us, with a seed."""
