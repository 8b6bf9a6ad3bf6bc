"""The command line. Entry: `recollect.cli.main`."""
