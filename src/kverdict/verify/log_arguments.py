"""What older kernels' logs say of arguments that do not fit a function's prototype, where it refuses nothing.

Source: btf_check_func_arg_match() of kernels before 6.8, for the main program and for static functions.
"""

from __future__ import annotations

from kverdict.btf.layout import skip_modifiers
from kverdict.btf.types import Enum, Enum64, Func, FuncProto, Int, Ptr
from kverdict.domain.value import PTR_TO_CTX, SCALAR, Value
from kverdict.verify.env import Env
from kverdict.verify.rules.program_type import is_context_pointer


def log_arguments(env: Env, number: int, regs: list[Value]) -> None:
    """One line about the first argument that does not fit; once for each function."""
    log, btf = env.log, env.program.btf
    if log is None or btf is None or not env.does("STATIC_ARGUMENTS_COMPARED"):
        return
    told: set[int] = env.extra.setdefault("told_arguments", set())
    start = env.subprogs[number].start
    func_id = next((info.type_id for info in env.program.func_info if info.insn == start), 0)
    if number in told or not func_id:
        return
    func = btf.type(func_id)
    proto = btf.type(func.type_id) if isinstance(func, Func) else None
    if not isinstance(proto, FuncProto):
        return
    for place, (_, type_id) in enumerate(proto.params[:5]):
        line = _mismatch(env, type_id, regs[place + 1], place)
        if line:
            told.add(number)
            log.write(line if line.endswith("\n") else f"{line} function {func.name}#{func_id}\n")
            return


def _mismatch(env: Env, type_id: int, value: Value, place: int) -> str:
    btf = env.program.btf
    assert btf is not None
    found = btf.type(skip_modifiers(btf, type_id))
    if isinstance(found, (Int, Enum, Enum64)):
        return "" if value.type == SCALAR else f"R{place + 1} is not a scalar\n"
    if not isinstance(found, Ptr):
        return f"Unrecognized arg#{place} type {type(found).__name__.upper()}\n"
    if is_context_pointer(env, btf, type_id):
        return "" if value.type == PTR_TO_CTX else f"arg#{place} expected pointer to ctx, but got PTR\n"
    return f"reg type unsupported for arg#{place}"
