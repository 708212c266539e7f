"""Tests of kverdict.program."""
