"""What Recollect costs, next to the least that it could cost: `make bench`."""
