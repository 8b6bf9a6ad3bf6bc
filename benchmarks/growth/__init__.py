"""What happens to the verbs, and to the disk, while the database grows: `python -m benchmarks.growth`."""
