"""Maps of the simulated kernel, one file a kind."""
