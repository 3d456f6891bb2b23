"""Help for the cabinet and the API: a page for each code and topic (ADR 0084)."""
