"""How the weights of `recollect.history.tokens` are found: corpus, features, fit. Not in the wheel."""
