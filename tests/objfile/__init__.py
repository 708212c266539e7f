"""Tests of kverdict.objfile."""
