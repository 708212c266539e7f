"""The kfuncs that a program calls, looked at before anything else: may any program call them at all?

Source: add_kfunc_call() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.kfuncs import KFUNC_FOR_DEVICE, KFUNC_NEEDS_GPL
from kverdict.catalogue.limits import TOO_MANY_KFUNCS
from kverdict.isa.insn import Insn
from kverdict.kernel.helpers import GPL
from kverdict.verify.env import Env

_LIMIT: Final = 256
_METADATA: Final = "bpf_xdp_metadata_rx_"


def add_kfunc(env: Env, index: int, insn: Insn, known: set[tuple[int, int]]) -> None:
    """Refuse a call of a kfunc from a program without a free licence, and what needs a device; note it in `known`."""
    env.insn_idx = index
    if env.program.license not in GPL:
        env.refuse(KFUNC_NEEDS_GPL)
    if (insn.imm == 0 and insn.off == 0) or (insn.imm, insn.off) in known:
        return
    if len(known) == _LIMIT:
        env.refuse(TOO_MANY_KFUNCS)
    kfunc = env.profile.kfunc_by_id(insn.imm) if insn.off == 0 else None
    if kfunc is not None and kfunc.name.startswith(_METADATA):
        env.refuse(KFUNC_FOR_DEVICE)
    known.add((insn.imm, insn.off))
