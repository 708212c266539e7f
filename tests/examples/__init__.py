"""The committed example objects."""
