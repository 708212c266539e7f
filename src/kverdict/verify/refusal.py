"""A refusal on its way out of the walk: raised where a rule objects, caught once by verify()."""

from __future__ import annotations

from kverdict.diagnostic import Diagnostic
from kverdict.errors import KverdictError


class Refusal(KverdictError):
    """The kernel would refuse the program here. A program has one refusal, so raising costs nothing that counts."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic
        super().__init__(diagnostic.message.id)
