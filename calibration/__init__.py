"""How the weights of `recollect.history.token_prices` are found: corpus, features, fit. Not in the wheel."""
