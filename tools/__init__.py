"""Tools for the people who work on kverdict; not installed with it."""
