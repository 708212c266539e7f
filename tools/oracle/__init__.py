"""Real kernels that give verdicts: Debian's under QEMU, and the running one."""
