"""kverdict: what the Linux kernel will say to a BPF program, and whether its objects live, without that kernel."""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # as typing's, without importing it
if TYPE_CHECKING:
    from kverdict.machine.start import load

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> object:
    """`kverdict.load` is imported when it is first used: the package itself must stay light."""
    if name == "load":
        from kverdict.machine.start import load

        return load
    raise AttributeError(f"module 'kverdict' has no attribute {name!r}")
