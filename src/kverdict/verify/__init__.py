"""The verifier: walks every path of a program as a kernel does, and says what that kernel says."""

from kverdict.verify.verdict import Accepted, Environment, Rejected, Stats, Unsupported, Verdict
from kverdict.verify.verify import verify

__all__ = ["Accepted", "Environment", "Rejected", "Stats", "Unsupported", "Verdict", "verify"]
