"""Tests; the tree is that of src/kverdict."""
