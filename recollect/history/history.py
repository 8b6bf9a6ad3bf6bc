"""The verbs of one user's history."""
