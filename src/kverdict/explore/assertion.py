"""Assertions of the user: `globals.err == 0`, `map.tasks[100].task.pid == 100`. In Python's syntax."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from kverdict.errors import InputError
from kverdict.machine.fault import Fault

if TYPE_CHECKING:
    from kverdict.machine.world import World

_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
}
_ROOTS: Final = ("globals", "map", "maps", "result", "task", "sum")
_ALLOWED: Final = (
    ast.Expression,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.BinOp,
    ast.Compare,
    ast.Attribute,
    ast.Subscript,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.Call,
    *_COMPARE,
    *_ARITHMETIC,
)


def parse(text: str) -> ast.expr:
    """The assertion as a tree ("assert" in front is allowed). Raises InputError for anything that is no such thing."""
    plain = text.strip()
    if plain.startswith("assert "):
        plain = plain[len("assert ") :].strip()
    try:
        tree = ast.parse(plain, mode="eval")
    except SyntaxError as problem:
        raise InputError("assert", repr(text), f"cannot be read: {problem.msg}") from None
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise InputError("assert", repr(text), f"{type(node).__name__} is not allowed here")
        if isinstance(node, ast.Name) and node.id not in _ROOTS:
            raise InputError("assert", repr(text), f"unknown name {node.id}, expected one of {', '.join(_ROOTS)}")
    return tree.body


def uses(tree: ast.expr, root: str) -> bool:
    """Whether the assertion speaks of this root name."""
    return any(isinstance(node, ast.Name) and node.id == root for node in ast.walk(tree))


def holds(tree: ast.expr, world: World, results: Mapping[str, int]) -> bool:
    """Whether the assertion is true of a world. results: program's name → what it returned.

    Raises InputError if the assertion speaks of something that does not exist in the scenario.
    """
    try:
        return bool(_value(tree, world, results))
    except (KeyError, AttributeError, TypeError, IndexError) as problem:
        raise InputError("assert", ast.unparse(tree), f"cannot be evaluated: {problem}") from None
    except Fault:
        return False


def values_of(tree: ast.expr, world: World, results: Mapping[str, int]) -> str:
    """The numbers that the places of a failed assertion have: "map.hits[1] is 1"."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Call) and holds_number(node, world, results):
            text = f"{ast.unparse(node)} is {_place(node, world, results)}"
            found.append(text)
    return ", ".join(dict.fromkeys(found))


def holds_number(node: ast.expr, world: World, results: Mapping[str, int]) -> bool:
    """Whether this part of an assertion is a place with a number in it."""
    try:
        return isinstance(_place(node, world, results), int)
    except (KeyError, AttributeError, TypeError, IndexError, InputError, Fault):
        return False


def _value(node: ast.expr, world: World, results: Mapping[str, int]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BoolOp):
        wanted = isinstance(node.op, ast.Or)
        return any(bool(_value(v, world, results)) is wanted for v in node.values) is wanted
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, world, results)
        return -inner if isinstance(node.op, ast.USub) else not inner
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, world, results), _value(node.right, world, results)
        return _ARITHMETIC[type(node.op)](left, right)
    if isinstance(node, ast.Compare):
        left = _value(node.left, world, results)
        for operator, other in zip(node.ops, node.comparators, strict=True):
            right = _value(other, world, results)
            if not _COMPARE[type(operator)](left, right):
                return False
            left = right
        return True
    return _place(node, world, results)


def _place(node: ast.expr, world: World, results: Mapping[str, int]) -> Any:
    if isinstance(node, ast.Name):
        return _root(node.id, world, results)
    if isinstance(node, ast.Call):
        return _sum(node, world)
    if isinstance(node, ast.Subscript):
        return _value(node.value, world, results)[_value(node.slice, world, results)]
    if isinstance(node, ast.Attribute):
        base = _value(node.value, world, results)
        if isinstance(base, Mapping):
            return base[node.attr]
        return getattr(base, node.attr)
    raise InputError("assert", ast.unparse(node), "is not allowed here")


def _root(name: str, world: World, results: Mapping[str, int]) -> Any:
    if name == "globals":
        return world.globals
    if name in ("map", "maps"):
        return world.maps
    if name == "result":
        return results
    from kverdict.machine.views import handle

    return {pid: handle(world, number) for pid, number in world.tasks.items()}


def _sum(node: ast.Call, world: World) -> int:
    """sum(map.counts[0]): the copies of all CPUs of a number in a per-CPU map."""
    argument = node.args[0] if len(node.args) == 1 else None
    named = isinstance(node.func, ast.Name) and node.func.id == "sum"
    if not named or not isinstance(argument, ast.Subscript) or not isinstance(argument.value, ast.Attribute):
        raise InputError("assert", ast.unparse(node), "expected sum(map.NAME[KEY])")
    view = world.maps[argument.value.attr]
    key = _value(argument.slice, world, {})
    total = 0
    for cpu in range(world.cpus):
        total += int.from_bytes(view.region(key, cpu).data, "little")
    return total
