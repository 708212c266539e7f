"""Values of `extern ... __kconfig` variables: the kernel's version, its configuration."""

from __future__ import annotations

from collections.abc import Iterable

from kverdict.errors import LinkError, UnsupportedError
from kverdict.kernel.profile import KernelProfile
from kverdict.objfile.externs import Extern

_TRISTATE = {"n": 0, "y": 1, "m": 2}
# Every kernel that kverdict knows has bpf_get_attach_cookie() (Linux v5.15) and, on x86-64, wraps its system calls.
_VIRTUAL = {"LINUX_HAS_BPF_COOKIE": 1, "LINUX_HAS_SYSCALL_WRAPPER": 1}


def kconfig_contents(externs: Iterable[Extern], size: int, profile: KernelProfile) -> bytes:
    """The contents of the .kconfig map. Raises LinkError where libbpf refuses, UnsupportedError for unknown options.

    libbpf: bpf_object__resolve_externs(), bpf_object__process_kconfig_line().
    """
    contents = bytearray(size)
    for extern in externs:
        if extern.kind == "kconfig":
            value = _value(extern, profile)
            contents[extern.offset : extern.offset + len(value)] = value
    return bytes(contents)


def _value(extern: Extern, profile: KernelProfile) -> bytes:
    name = extern.name
    if name == "LINUX_KERNEL_VERSION":
        return _number(extern, profile.version_code)
    if name in _VIRTUAL:
        return _number(extern, _VIRTUAL[name])
    if not name.startswith("CONFIG_"):
        if name.startswith("LINUX_") and extern.weak:
            return bytes(extern.size)
        raise LinkError(f"extern (kcfg) '{name}': unrecognized virtual extern")
    setting = profile.setting(name)
    if setting is None:
        raise UnsupportedError(f"extern {name}: profile {profile.name} does not know this setting")
    return _setting(extern, setting)


def _setting(extern: Extern, setting: str) -> bytes:
    if setting in ("", "n"):  # "is not set": libbpf finds no line for it
        if not extern.weak:
            raise LinkError(f"extern '{extern.name}' (strong): not resolved")
        return bytes(extern.size)
    if setting in ("y", "m"):
        return _letter(extern, setting)
    if extern.shape == "string":
        text = setting.strip('"').encode()[: extern.size - 1]
        return text + bytes(extern.size - len(text))
    try:
        value = int(setting, 0)
    except ValueError:
        raise LinkError(f"extern (kcfg) '{extern.name}': value '{setting}' implies char array type") from None
    if extern.shape not in ("int", "char"):
        raise LinkError(f"extern (kcfg) '{extern.name}': value '{setting}' implies integer type")
    return _number(extern, value)


def _letter(extern: Extern, letter: str) -> bytes:
    if extern.shape == "bool" and letter != "m":
        return b"\1"
    if extern.shape == "tristate":
        return _TRISTATE[letter].to_bytes(extern.size, "little")
    if extern.shape == "char":
        return letter.encode()
    raise LinkError(f"extern (kcfg) '{extern.name}': value '{letter}' implies bool, tristate, or char type")


def _number(extern: Extern, value: int) -> bytes:
    """libbpf: set_kcfg_value_num()."""
    if extern.shape not in ("int", "char", "bool"):
        raise LinkError(f"extern (kcfg) '{extern.name}': value '{value}' implies integer, char, or boolean type")
    if extern.shape == "bool" and value > 1:
        raise LinkError(f"extern (kcfg) '{extern.name}': value '{value}' isn't boolean compatible")
    bits = 8 * extern.size
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if extern.signed else (0, (1 << bits) - 1)
    if not low <= value <= high:
        raise LinkError(f"extern (kcfg) '{extern.name}': value '{value}' doesn't fit in {extern.size} bytes")
    return (value & (1 << bits) - 1).to_bytes(extern.size, "little")
