"""What the Makefile runs, in Python. Nothing here is part of the installed package."""
