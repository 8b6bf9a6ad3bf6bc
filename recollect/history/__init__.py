"""The verbs: what a user can do with conversations."""
