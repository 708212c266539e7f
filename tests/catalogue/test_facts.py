"""Whoever uses a message gives all facts that its wordings name: a refusal must never fail for want of a word."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from kverdict import verify
from kverdict.diagnostic import Message

FOLDER = Path(verify.__file__).parent


def needed(message: Message) -> set[str]:
    """Fields of all wordings."""
    templates = (message.text, *(text for _, text in message.dialects))
    return {name for text in templates for _, name, _, _ in Formatter().parse(text) if name}


def messages_of(tree: ast.Module) -> dict[str, Message]:
    """Messages that a file imports by name from the catalogue."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kverdict.catalogue."):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                value = getattr(module, alias.name)
                if isinstance(value, Message):
                    found[alias.asname or alias.name] = value
    return found


def uses(tree: ast.Module) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Calls that make a diagnostic, with the expression that names the message."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "refuse" and node.args:
                yield node, node.args[0]
            elif node.func.attr == "at" and node.args:
                yield node, node.func.value


def test_every_use_gives_every_fact() -> None:
    wrong, seen = [], 0
    for path in sorted(FOLDER.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        messages = messages_of(tree)
        for call, expression in uses(tree):
            if any(keyword.arg is None for keyword in call.keywords):
                continue  # facts come as **facts
            names = [expression.body, expression.orelse] if isinstance(expression, ast.IfExp) else [expression]
            for name in names:
                message = messages.get(name.id) if isinstance(name, ast.Name) else None
                if message is None:
                    continue
                seen += 1
                given = {keyword.arg for keyword in call.keywords if keyword.arg}
                given |= {"arg"} if "reg" in given else set()
                if missing := needed(message) - given:
                    wrong.append(f"{path.name}:{call.lineno} {message.id} lacks {sorted(missing)}")
    assert wrong == []
    assert seen > 100
