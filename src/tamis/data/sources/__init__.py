"""One file a format: how its records become rows."""
