"""Who calls, and what they may do: tokens, issuers, scopes, limits. Doors ask here; nothing else does."""
