"""How well search finds what was said: a labelled set, and other ways to search it. See __main__."""
