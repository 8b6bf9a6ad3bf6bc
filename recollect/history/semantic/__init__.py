"""Search by what messages are about: vectors of a model that the user names, beside the words."""
