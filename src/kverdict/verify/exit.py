"""`exit`: nothing may be held any more, and what is returned must be allowed.

Source: process_bpf_exit_full() of the kernel.
"""

from __future__ import annotations

from kverdict.isa.insn import Insn
from kverdict.verify.env import Env
from kverdict.verify.references import check_resource_leak
from kverdict.verify.return_code import check_return_code
from kverdict.verify.subprog_call import leave_frame

PATH_DONE = -1


def exit_program(env: Env, insn: Insn) -> int:
    """The next instruction in the caller, or PATH_DONE for the outermost frame."""
    outermost = len(env.state.frames) == 1
    check_resource_leak(env, False, outermost, "BPF_EXIT instruction in main prog")
    if not outermost:
        return leave_frame(env)
    check_return_code(env)
    return PATH_DONE


def exit_by_exception(env: Env) -> int:
    """bpf_throw(): the whole program ends here, whatever frames are open."""
    if env.does("THROW_CHECKED_AS_SUCH"):
        check_resource_leak(env, True, True, "bpf_throw")
    else:
        check_resource_leak(env, True, len(env.state.frames) == 1, "BPF_EXIT instruction in main prog")
    return PATH_DONE
