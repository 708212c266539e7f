"""kverdict: what the Linux kernel will say to a BPF program, and whether its objects live, without that kernel."""

__version__ = "0.1.0"
