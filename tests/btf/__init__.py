"""Tests of kverdict.btf."""
