"""Soak test of delivery against the sandbox: load, faults, killed workers, a final balance."""
