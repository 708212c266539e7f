"""Overlays: a few lines of TOML that change the facts of a kernel (or of another overlay).

base = "6.4"                                  # a kernel's name, or the path of an overlay beside this file
title = "6.4 without the patch"               # optional; notes = ["..."] too
behaviours = ["+NAME", "-NAME"]
[kfunc.bpf_task_acquire]
flags = ["KF_ACQUIRE"]                        # all flags, or changes: ["+KF_RCU", "-KF_RET_NULL"]
hooks = ["+xdp"]
absent = true                                 # the kernel lacks it
[types]
rcu_protected = ["-task_struct"]
[safe_fields.safe_rcu]
task_struct = ["-group_leader"]
[kptr_destructors]
sk_buff = "bpf_kfree_skb"                     # "" takes it away
[config]
CONFIG_BPF_LSM = "y"
[type_tags]
"task_struct.real_parent" = "rcu"
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from kverdict.errors import InputError
from kverdict.kernel import proto
from kverdict.kernel.behaviours import BEHAVIOURS
from kverdict.kernel.facts import DATA, Source, Table, facts, kernel_names, overlay_names
from kverdict.kernel.safe_fields import bare_type, field_name

_KEYS: Final = (
    "base",
    "title",
    "notes",
    "behaviours",
    "kfunc",
    "types",
    "safe_fields",
    "kptr_destructors",
    "config",
    "type_tags",
)
_KFUNC_KEYS: Final = ("flags", "hooks", "absent")
_HOOKS: Final = (
    "common",
    "xdp",
    "tc",
    "struct_ops",
    "tracing",
    "syscall",
    "fmodret",
    "cgroup_skb",
    "cgroup",
    "sched_act",
    "sk_skb",
    "socket_filter",
    "lwt",
    "netfilter",
    "kprobe",
)
_TAGS: Final = ("rcu", "user", "percpu")
_DEEPEST: Final = 8


class Overlay:
    """A source of facts: those of `base` with the changes of one overlay file."""

    def __init__(self, name: str, base: Source, changes: Table, where: str) -> None:
        """changes: the parsed file; where: its name for messages. Raises InputError for whatever it cannot mean."""
        self.name: Final = name
        self.base: Final = base
        self._where: Final = where
        self._changes: Final = changes
        self._check_keys(changes, _KEYS, "")
        self._meta: Final = self._changed_meta()
        self._kfuncs: Table | None = None
        self._sets: Table | None = None
        if "kfunc" in changes:
            self._kfuncs = self._changed_kfuncs(base.table("kfuncs"))
        if any(key in changes for key in ("types", "safe_fields", "kptr_destructors")):
            self._sets = self._changed_sets(base.table("sets"))

    def meta(self) -> Table:
        """The base's, with title, behaviours and configuration of this overlay."""
        return self._meta

    def table(self, name: str) -> Table:
        """The base's table with the changes of this overlay."""
        if name == "kfuncs" and self._kfuncs is not None:
            return self._kfuncs
        if name == "sets" and self._sets is not None:
            return self._sets
        return self.base.table(name)

    def btf_path(self) -> Path:
        """The base's types."""
        return self.base.btf_path()

    # Reading

    def _bad(self, key: str, problem: str) -> InputError:
        return InputError(self._where, key, problem)

    def _check_keys(self, table: Table, allowed: Iterable[str], prefix: str) -> None:
        for key in table:
            if key not in allowed:
                raise self._bad(f"{prefix}{key}", f"unknown key, expected {_one_of(key, allowed)}")

    def _dict(self, key: str) -> dict[str, Any]:
        value = self._changes.get(key, {})
        if not isinstance(value, dict):
            raise self._bad(key, "expected a table")
        return value

    def _strings(self, value: object, key: str) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._bad(key, 'expected a list of strings such as ["+NAME", "-NAME"]')
        return value

    def _edit(self, old: Iterable[str], value: object, key: str, check: Callable[[str], None]) -> list[str]:
        """`old` with the changes ["+NAME", "-NAME"]; a list without any sign replaces it."""
        entries = self._strings(value, key)
        signed = [entry for entry in entries if entry[:1] in ("+", "-")]
        if signed and len(signed) != len(entries):
            raise self._bad(key, "some entries have a sign and some have none, expected all or none")
        names = list(old) if signed else []
        for entry in entries:
            name = bare_type(entry.lstrip("+-"))
            if entry.startswith("-"):
                if name not in names:
                    raise self._bad(key, f"{name!r} is not there to be removed{_did_you_mean(name, names)}")
                names.remove(name)
                continue
            check(name)
            if name not in names:
                names.append(name)
        return names

    # Changing

    def _changed_meta(self) -> Table:
        meta = dict(self.base.meta())
        for key in ("title",):
            value = self._changes.get(key)
            if value is not None and not isinstance(value, str):
                raise self._bad(key, "expected a string")
        meta["title"] = self._changes.get("title") or f"{self.name} (on {self.base.name})"
        notes = self._strings(self._changes.get("notes", []), "notes")
        meta["notes"] = [*meta.get("notes", ()), *notes]
        behaviours = self._strings(self._changes.get("behaviours", []), "behaviours")
        for entry in behaviours:
            name = entry.lstrip("+-")
            if name not in BEHAVIOURS:
                raise self._bad("behaviours", f"unknown behaviour {name!r}, expected {_one_of(name, BEHAVIOURS)}")
        meta["behaviours"] = [*meta.get("behaviours", ()), *behaviours]
        config = self._dict("config")
        for key, value in config.items():
            if not key.startswith("CONFIG_") or not isinstance(value, str):
                raise self._bad(f"config.{key}", 'expected CONFIG_NAME = "value"')
        meta["config"] = {**meta.get("config", {}), **config}
        tags = self._dict("type_tags")
        for key, value in tags.items():
            if key.count(".") != 1 or value not in _TAGS:
                raise self._bad(f"type_tags.{key}", f'expected "structure.field" = one of {", ".join(_TAGS)}')
        meta["type_tags"] = {**meta.get("type_tags", {}), **tags}
        return meta

    def _changed_kfuncs(self, old: Table) -> Table:
        new = dict(old)
        for name, changes in self._dict("kfunc").items():
            where = f"kfunc.{name}"
            if name not in old:
                hint = _did_you_mean(name, old)
                raise self._bad(where, f"unknown kfunc, expected one that {self.base.name} has{hint}")
            if not isinstance(changes, dict):
                raise self._bad(where, f"expected a table with {', '.join(_KFUNC_KEYS)}")
            self._check_keys(changes, _KFUNC_KEYS, f"{where}.")
            row = dict(old[name])
            if "flags" in changes:
                row["flags"] = self._edit(row["flags"], changes["flags"], f"{where}.flags", self._flag(where))
                row.pop("flags_in_hook", None)
            if "hooks" in changes:
                row["hooks"] = self._edit(row["hooks"], changes["hooks"], f"{where}.hooks", self._hook(where))
                row["hooks_changed"] = True
            absent = changes.get("absent", False)
            if not isinstance(absent, bool):
                raise self._bad(f"{where}.absent", "expected true or false")
            if absent:
                del new[name]
            else:
                new[name] = row
        return new

    def _flag(self, where: str) -> Callable[[str], None]:
        def check(name: str) -> None:
            if name not in proto.KFUNC_FLAG_NAMES:
                expected = _one_of(name, proto.KFUNC_FLAG_NAMES)
                raise self._bad(f"{where}.flags", f"unknown flag {name!r}, expected {expected}")

        return check

    def _hook(self, where: str) -> Callable[[str], None]:
        def check(name: str) -> None:
            if name not in _HOOKS:
                raise self._bad(f"{where}.hooks", f"unknown hook {name!r}, expected {_one_of(name, _HOOKS)}")

        return check

    def _changed_sets(self, old: Table) -> Table:
        new = dict(old)
        types = self._dict("types")
        self._check_keys(types, ("rcu_protected",), "types.")
        if "rcu_protected" in types:
            names = map(bare_type, old["rcu_protected_types"])
            new["rcu_protected_types"] = self._edit(names, types["rcu_protected"], "types.rcu_protected", _anything)
        if "safe_fields" in self._changes:
            new["safe_fields"] = self._changed_safe_fields(old["safe_fields"])
        destructors = dict(old["kptr_destructors"])
        for name, function in self._dict("kptr_destructors").items():
            if not isinstance(function, str):
                raise self._bad(f"kptr_destructors.{name}", 'expected the name of a kernel function, or ""')
            destructors[bare_type(name)] = function
        new["kptr_destructors"] = {name: function for name, function in destructors.items() if function}
        return new

    def _changed_safe_fields(self, old: Table) -> Table:
        known = ("safe_fields", "safe_rcu", "safe_rcu_or_null", "safe_trusted", "safe_trusted_or_null")
        new = {list_name: dict(structures) for list_name, structures in old.items()}
        for list_name, structures in self._dict("safe_fields").items():
            where = f"safe_fields.{list_name}"
            if list_name not in known:
                raise self._bad(where, f"unknown list, expected {_one_of(list_name, known)}")
            if not isinstance(structures, dict):
                raise self._bad(where, 'expected structure = ["+field", "-field"]')
            target = new.setdefault(list_name, {})
            for structure, fields in structures.items():
                names = map(field_name, target.get(structure, []))
                target[structure] = self._edit(names, fields, f"{where}.{structure}", _anything)
        return new


def _anything(name: str) -> None:
    """Names of types and fields may be any."""


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _one_of(name: str, known: Iterable[str]) -> str:
    """A short list of what would be right, or the nearest if the list is long."""
    names = sorted(known)
    hint = _did_you_mean(name, names)
    if len(names) <= 12:
        return f"one of {', '.join(names)}{hint}"
    return f"one of {len(names)} names{hint or ' such as ' + names[0]}"


def load_overlay(path: Path, depth: int = 0) -> Overlay:
    """The overlay in a file, with its base (which may be another overlay). Raises InputError."""
    if depth > _DEEPEST:
        raise InputError(str(path), "base", f"overlays stand on each other more than {_DEEPEST} deep")
    try:
        changes = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(path), "", f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(path), "", f"is not TOML: {error}") from error
    base = changes.get("base")
    if not isinstance(base, str):
        raise InputError(str(path), "base", "missing, expected the name of a kernel or the path of an overlay")
    return Overlay(path.stem, _base(path, base, depth), changes, str(path))


def _base(path: Path, base: str, depth: int) -> Source:
    if base.endswith(".toml"):
        return load_overlay(path.parent / base, depth + 1)
    if base == "host":
        from kverdict.kernel.host import host_source

        return host_source()
    if base in overlay_names():
        return packaged_overlay(base)
    if base not in kernel_names():
        known = sorted((*kernel_names(), *overlay_names(), "host"))
        raise InputError(str(path), "base", f"unknown kernel {base!r}, expected one of {', '.join(known)}")
    return facts(base)


def packaged_overlay(name: str) -> Overlay:
    """The packaged overlay of this name."""
    return load_overlay(DATA / f"{name}.toml")
