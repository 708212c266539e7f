"""What the program's BTF says of its functions, as a whole: one entry each, and who may end in an unusual way.

Source: check_btf_func(), check_abnormal_return() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.layout import resolved
from kverdict.btf.types import Enum, FuncProto, Int
from kverdict.catalogue.functions import (
    FUNC_INFO_COUNT,
    LD_ABS_RETURN,
    LD_ABS_WITHOUT_BTF,
    TAIL_CALL_RETURN,
    TAIL_CALL_WITHOUT_BTF,
)
from kverdict.isa.opcode import ABS, CLASS_MASK, IND, LD, MODE_MASK
from kverdict.verify.env import Env, Subprog

_SMALL: Final = 8


def check_func_info(env: Env) -> None:
    """One entry of func_info for each subprogram; packet loads and tail calls only in functions that return a number.

    Both may end the program or function, whatever the code behind them would have done.
    """
    env.insn_idx = 0
    described = bool(env.program.func_info)
    if described and len(env.program.func_info) != len(env.subprogs):
        env.refuse(FUNC_INFO_COUNT)
    for subprog in env.subprogs[1:]:
        if described and _returns_number(env, subprog):
            continue
        if _loads_packet(env, subprog):
            env.refuse(LD_ABS_RETURN if described else LD_ABS_WITHOUT_BTF)
        if subprog.has_tail_call:
            env.refuse(TAIL_CALL_RETURN if described else TAIL_CALL_WITHOUT_BTF)


def _returns_number(env: Env, subprog: Subprog) -> bool:
    btf = env.program.btf
    if btf is None or not subprog.func_proto_id:
        return True  # which of the kernel's checks of BTF it would fail is not modelled
    proto = btf.type(subprog.func_proto_id)
    returned = resolved(btf, proto.return_id) if isinstance(proto, FuncProto) else None
    return isinstance(returned, Enum) or (isinstance(returned, Int) and returned.size <= _SMALL)


def _loads_packet(env: Env, subprog: Subprog) -> bool:
    """It has an LD_ABS or LD_IND instruction."""
    insns = env.insns[subprog.start : subprog.end]
    return any(insn.op & CLASS_MASK == LD and insn.op & MODE_MASK in (ABS, IND) for insn in insns)
