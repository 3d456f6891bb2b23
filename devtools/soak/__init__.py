"""Delivery under fire, against the sandbox: traffic, faults, deaths, and a balance at the end."""
