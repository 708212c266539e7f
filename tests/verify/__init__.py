"""Tests of the verifier's walk and of its log."""
