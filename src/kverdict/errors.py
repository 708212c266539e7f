"""The three ways in which kverdict itself ends early: bad input, a construct that is not modelled, a bug of ours."""


class KverdictError(Exception):
    """Base of every error that kverdict raises on purpose."""


class InputError(KverdictError):
    """Something the user gave is wrong; the command line prints it as one line and exits with 2.

    source: the file, option or text that is wrong; where: the place in it (section, offset, line), may be empty;
    problem: what is wrong and what was expected, without a full stop.
    """

    def __init__(self, source: str, where: str, problem: str) -> None:
        self.source = source
        self.where = where
        self.problem = problem
        super().__init__(": ".join(part for part in (source, where, problem) if part))


class LinkError(KverdictError):
    """The program cannot be loaded into this kernel at all (no such kfunc, map refused): an environment verdict."""


class UnsupportedError(KverdictError):
    """A construct that kverdict does not model; `what` names it. Becomes the verdict Unsupported, never an accept."""

    def __init__(self, what: str, insn: int = -1) -> None:
        self.what = what
        self.insn = insn
        super().__init__(what)


class InternalError(KverdictError):
    """A contradiction that only a bug in kverdict can cause."""
