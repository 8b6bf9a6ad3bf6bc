"""The REST door. Needs the extra `recollect[server]`."""
