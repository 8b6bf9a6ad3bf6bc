"""Recollect beside the other ways to keep conversations in PostgreSQL: `python -m benchmarks.peers`."""
