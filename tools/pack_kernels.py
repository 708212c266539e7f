#!/usr/bin/env python3
"""Make src/kverdict/kernel/data from a folder of collected facts: pack_kernels.py FACTS-FOLDER [OUTPUT-FOLDER].

Every kernel becomes one folder: meta.json (plain, with provenance), btf.zst (as it is) and one gzip per table, all in
one spelling whatever tool collected them. The same input gives the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

KERNELS: Final = ("6.1", "6.3", "6.4", "6.12", "6.18", "7.2")
# Kernels without types of their own, and whose types they take.
TYPES_FROM: Final = {"6.3": "6.12", "6.4": "6.12"}
_SMALL: Final[Json] = {
    "config": {
        "CONFIG_BPF_SYSCALL": "y",
        "CONFIG_BPF_LSM": "y",
        "CONFIG_CGROUPS": "y",
        "CONFIG_KPROBES": "y",
        "CONFIG_MODULES": "n",
        "CONFIG_NETFILTER": "n",
        "CONFIG_PREEMPT_NONE": "y",
        "CONFIG_SMP": "y",
        "CONFIG_XFRM": "n",
    },
    "config_source": "the words of `configuration`; everything else is unknown",
}
# What meta.json of the facts does not say, or not as data.
MORE_META: Final[dict[str, Json]] = {
    "6.1": {
        "version": "6.1.192",
        "version_source": "the distribution's release does not say; recorded with verdicts",
        "behaviours": [
            "+CONTEXT_POINTERS_WHOLE",
            "+JSET_FORGETS_RANGES",
            "+ALU_SHIFT_BY_32_KEEPS_SIGN",
            "+UNINITIALIZED_STACK_READABLE",
            "+READS_UNINIT_STACK",
            "+PRECISION_THROUGH_LOOPS",
            "+GOTOL",
            "+LD_ABS_RETURNS",
            "+EMPTY_STACK_ACCESS_HAS_END",
            "+STACK_GROWS_ON_ACCESS",
            "+SOCKMAP_DELETE_RESTRICTED",
            "+SPILLED_IMMEDIATE_SIGN_EXTENDED",
            "+PACKET_END_RANGE_COMPARED",
            "+MAIN_IS_NO_CALLBACK",
            "+FORMATS_BEYOND_ASCII",
        ],
        "behaviours_source": "backported: verdicts, counts, logs and register states recorded on this kernel",
    },
    "6.3": _SMALL,
    "6.4": _SMALL,
    "6.18": {
        "behaviours": [
            "+BOUNDS_S32_SPLIT_BY_U32",
            "+BOUNDS_OF_SINGLE_TNUM_VALUE",
            "+TRUSTED_ARGS_BY_DEFAULT",
            "+ALU_BYTE_SWAP_TRACKED",
            "+ALU_SHIFT_BY_32_KEEPS_SIGN",
            "+ALU_SPLITS_SIGN_MASK",
            "+LINKED_REGISTERS_OF_ANY_SUM",
            "+LINKED_DELTA_KEEPS_ID",
            "+SCALAR_WITHOUT_LINK_EQUALS_LINKED",
            "+PACKET_END_RANGE_COMPARED",
            "+LD_ABS_RETURNS",
            "+VARIABLE_WRITE_SCRUBS_SLOTS",
            "+STRUCT_WRITES_NEED_TRUST",
            "+LINKED_REGISTERS_ALIVE_ONLY",
            "+ARENA_ON_EITHER_SIDE",
            "+FORMATS_BEYOND_ASCII",
        ],
        "behaviours_source": "backported: verdicts, counts, logs and register states recorded on this kernel",
    },
    "6.12": {
        "behaviours": [
            "+CONTEXT_POINTERS_WHOLE",
            "+BOUNDS_S64_SPLIT_BY_U64",
            "+BOUNDS_S32_SPLIT_BY_U32",
            "+BOUNDS_DEDUCED_IN_THREE_ROUNDS",
            "+BRANCH_EQUALITY_USES_TNUM",
            "+JSET_FORGETS_RANGES",
            "+ALU_SHIFT_BY_32_KEEPS_SIGN",
            "+ALU_SPLITS_SIGN_MASK",
            "+CTX_POINTERS_READ_WHOLE",
            "+MAP_POINTER_NOT_NULL",
            "+LOCAL_STORAGE_FLAGS_PRECISE",
            "+UNIX_NAMES_WITHOUT_SOCKOPT",
            "+OWNER_HOLDS_REFERENCE",
            "+RBTREE_CALLBACK_IN_ANY_FRAME",
            "+CALLBACKS_KEEP_MAP_UID",
            "+STACK_COMPARE_IN_HISTORY",
            "+SCALAR_WITHOUT_LINK_EQUALS_LINKED",
            "+LINKED_DELTA_KEEPS_ID",
            "+LD_ABS_RETURNS",
            "+LOOP_STATES_KEPT_WHOLE",
            "+NULL_ARGUMENT_IS_PRECISE",
            "+PRECISION_ACROSS_CALLBACKS",
            "+ATOMIC_FETCH_IS_LOAD",
            "+VARIABLE_WRITE_SCRUBS_SLOTS",
            "+STRUCT_WRITES_NEED_TRUST",
            "+PACKET_END_RANGE_COMPARED",
            "+LD_ABS_NOT_IN_CALLBACKS",
            "+ATOMICS_KEEP_ONE_KIND",
            "+NOT_NULL_WITHIN_BOUNDS",
            "+BUFFER_POINTER_NOT_NULL",
            "+KPTR_NULL_STORE_IS_PRECISE",
            "+PERCPU_KPTR_MATCHED",
            "+ITERATOR_TRUST_COMPARED",
            "+POINTERS_TESTED_WHOLE",
            "+POINTER_COMPARE_ASKS_NOT_NULL",
            "+ARENA_ON_EITHER_SIDE",
            "+LD_ABS_EXIT_TRACED",
            "+MAIN_IS_NO_CALLBACK",
            "+FASTCALL_NOT_JUMPED_INTO",
            "+FORMATS_BEYOND_ASCII",
            "+THROW_CHECKED_AS_SUCH",
        ],
        "behaviours_source": "backported: verdicts, counts, logs and register states recorded on this kernel",
    },
}
# Facts about program variants that a kernel could not load, taken where its two neighbours agree.
NEIGHBOURS: Final = {"6.18": ("6.12", "7.2")}
DERIVED: Final = {"6.18": ("fentry", "fentry.s", "fexit", "fmod_ret", "lsm", "lsm.s", "lsm_cgroup")}

# Another collector's names of program variants.
VARIANT_NAMES: Final = {
    "tracing/tp_btf": "tp_btf",
    "tracing/fentry": "fentry",
    "tracing/fentry.s": "fentry.s",
    "tracing/fexit": "fexit",
    "tracing/fmod_ret": "fmod_ret",
    "tracing/iter_task": "iter/task",
    "tracing/iter_task.s": "iter.s/task",
    "kprobe/multi": "kprobe.multi",
    "syscall.s": "syscall",
}

# Names of argument and return types in other kernels, as base and flags of kverdict.kernel.proto.
TYPE_NAMES: Final = {
    "ARG_PTR_TO_MAP_VALUE_OR_NULL": "ARG_PTR_TO_MAP_VALUE|PTR_MAYBE_NULL",
    "ARG_PTR_TO_MEM_OR_NULL": "ARG_PTR_TO_MEM|PTR_MAYBE_NULL",
    "ARG_PTR_TO_CTX_OR_NULL": "ARG_PTR_TO_CTX|PTR_MAYBE_NULL",
    "ARG_PTR_TO_SOCKET_OR_NULL": "ARG_PTR_TO_SOCKET|PTR_MAYBE_NULL",
    "ARG_PTR_TO_STACK_OR_NULL": "ARG_PTR_TO_STACK|PTR_MAYBE_NULL",
    "ARG_PTR_TO_BTF_ID_OR_NULL": "ARG_PTR_TO_BTF_ID|PTR_MAYBE_NULL",
    "ARG_PTR_TO_ALLOC_MEM": "ARG_PTR_TO_RINGBUF_MEM",
    "ARG_PTR_TO_KPTR": "ARG_KPTR_XCHG_DEST",
    "ARG_PTR_TO_INT": "ARG_PTR_TO_MEM|MEM_FIXED_SIZE|MEM_ALIGNED",
    "ARG_PTR_TO_LONG": "ARG_PTR_TO_MEM|MEM_FIXED_SIZE|MEM_ALIGNED",
    "RET_PTR_TO_MAP_VALUE_OR_NULL": "RET_PTR_TO_MAP_VALUE|PTR_MAYBE_NULL",
    "RET_PTR_TO_SOCKET_OR_NULL": "RET_PTR_TO_SOCKET|PTR_MAYBE_NULL",
    "RET_PTR_TO_TCP_SOCK_OR_NULL": "RET_PTR_TO_TCP_SOCK|PTR_MAYBE_NULL",
    "RET_PTR_TO_SOCK_COMMON_OR_NULL": "RET_PTR_TO_SOCK_COMMON|PTR_MAYBE_NULL",
    "RET_PTR_TO_RINGBUF_MEM_OR_NULL": "RET_PTR_TO_MEM|PTR_MAYBE_NULL|MEM_RINGBUF",
    "RET_PTR_TO_ALLOC_MEM_OR_NULL": "RET_PTR_TO_MEM|PTR_MAYBE_NULL|MEM_RINGBUF",
    "RET_PTR_TO_DYNPTR_MEM_OR_NULL": "RET_PTR_TO_MEM|PTR_MAYBE_NULL",
    "RET_PTR_TO_BTF_ID_OR_NULL": "RET_PTR_TO_BTF_ID|PTR_MAYBE_NULL",
    "RET_PTR_TO_BTF_ID_TRUSTED": "RET_PTR_TO_BTF_ID|PTR_TRUSTED",
    "ARG_PTR_TO_FIXED_SIZE_MEM": "ARG_PTR_TO_MEM|MEM_FIXED_SIZE",
}
OLD_SIZES: Final = {"ARG_PTR_TO_INT": 4, "ARG_PTR_TO_LONG": 8}
LAST_FLAG: Final = {"6.1": "MEM_WRITE", "6.12": "MEM_WRITE"}

# Prototypes whose symbol the collector could not see (no bpf_ prefix, or folded by the linker); the same in every
# kernel here. Source: net/core/filter.c and kernel/bpf/core.c of 6.3 and 6.18.
MORE_PROTOS: Final[dict[str, Json]] = {
    "bpf_tail_call_proto": {"ret": "RET_VOID", "args": ["ARG_PTR_TO_CTX", "ARG_CONST_MAP_PTR", "ARG_ANYTHING"]},
    "sk_select_reuseport_proto": {
        "ret": "RET_INTEGER",
        "args": ["ARG_PTR_TO_CTX", "ARG_CONST_MAP_PTR", "ARG_PTR_TO_MAP_KEY", "ARG_ANYTHING"],
    },
    "sk_reuseport_load_bytes_proto": {
        "ret": "RET_INTEGER",
        "args": ["ARG_PTR_TO_CTX", "ARG_ANYTHING", "ARG_PTR_TO_UNINIT_MEM", "ARG_CONST_SIZE"],
    },
    "sk_reuseport_load_bytes_relative_proto": {
        "ret": "RET_INTEGER",
        "args": ["ARG_PTR_TO_CTX", "ARG_ANYTHING", "ARG_PTR_TO_UNINIT_MEM", "ARG_CONST_SIZE", "ARG_ANYTHING"],
    },
    "sk_skb_pull_data_proto": {"ret": "RET_INTEGER", "args": ["ARG_PTR_TO_CTX", "ARG_ANYTHING"]},
    "sk_skb_change_tail_proto": {"ret": "RET_INTEGER", "args": ["ARG_PTR_TO_CTX", "ARG_ANYTHING", "ARG_ANYTHING"]},
    "sk_skb_change_head_proto": {"ret": "RET_INTEGER", "args": ["ARG_PTR_TO_CTX", "ARG_ANYTHING", "ARG_ANYTHING"]},
    "sk_skb_adjust_room_proto": {
        "ret": "RET_INTEGER",
        "args": ["ARG_PTR_TO_CTX", "ARG_ANYTHING", "ARG_ANYTHING", "ARG_ANYTHING"],
    },
}
# Structures that arguments point to and that one collector did not see; the same in every kernel here.
ARGUMENT_STRUCTS: Final = {"bpf_tcp_send_ack_proto": {"arg1_btf": "tcp_sock"}}

# Prototypes mended in a stable kernel whose source is not known: as in a later kernel. Each was asked: the helper
# writes no map that is read-only, sleeps in no section, reads trusted objects.
AS_LATER: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "6.18": (
        "7.2",
        (
            "bpf_btf_find_by_name_kind_proto",
            "bpf_d_path_proto",
            "bpf_get_stack_proto_raw_tp",
            "bpf_kallsyms_lookup_name_proto",
            "bpf_read_branch_records_proto",
            "bpf_skb_fib_lookup_proto",
            "bpf_snprintf_btf_proto",
            "bpf_snprintf_proto",
            "bpf_sys_bpf_proto",
            "bpf_sys_close_proto",
            "bpf_tcp_raw_check_syncookie_ipv4_proto",
            "bpf_tcp_raw_check_syncookie_ipv6_proto",
            "bpf_tcp_raw_gen_syncookie_ipv4_proto",
            "bpf_tcp_raw_gen_syncookie_ipv6_proto",
            "bpf_xdp_fib_lookup_proto",
            "bpf_xdp_store_bytes_proto",
        ),
    )
}


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def variant(name: str) -> str:
    return VARIANT_NAMES.get(name, name)


def type_words(kernel: str, word: str, enums: Json) -> str:
    """One spelling for an argument or return type: base|FLAG|FLAG, flags in the order of their bits."""
    if word == "ARG_PTR_TO_UNINIT_MEM":
        newer = enums.get("arg_types", {}).get(word, 0) >> 8 & 1 << 18
        return "ARG_PTR_TO_MEM|MEM_UNINIT" + ("|MEM_WRITE" if newer else "")
    base, *flags = TYPE_NAMES.get(word, word).split("|")
    expanded = TYPE_NAMES.get(base, base).split("|")
    more = [LAST_FLAG[kernel] if flag == "__BPF_TYPE_LAST_FLAG" else flag for flag in flags]
    return "|".join([*expanded, *more])


def protos(kernel: str, folder: Path, enums: Json) -> Json:
    """Prototypes by symbol, in one spelling."""
    found: Json = {}
    for symbol, old in {**read(folder, "helper_protos.json"), **MORE_PROTOS}.items():
        new: Json = {"ret": type_words(kernel, old["ret"], enums)}
        new["args"] = [type_words(kernel, word, enums) for word in old["args"]]
        for place, word in enumerate(old["args"], 1):
            if word in OLD_SIZES:
                new[f"arg{place}_size"] = OLD_SIZES[word]
        new |= {key: old[key] for key in old if key.startswith("arg") and key[3:4].isdigit()}
        new |= {f"arg{place}_btf": name for place, name in old.get("arg_btf", [])}
        new |= ARGUMENT_STRUCTS.get(symbol, {})
        if "ret_btf" in old:
            new["ret_btf"] = old["ret_btf"]
        allowed = old.get("allowed") or old.get("allowed_fn")
        if allowed:
            new["allowed"] = allowed
        flags = ("gpl_only", "might_sleep", "pkt_access", "allow_fastcall")
        new |= {key: True for key in flags if old.get(key)}
        found[symbol] = new
    if kernel in AS_LATER:
        later, symbols = AS_LATER[kernel]
        newer = protos(later, folder.parent / later, read(folder.parent / later, "enums.json"))
        found |= {symbol: newer[symbol] for symbol in symbols}
    return dict(sorted(found.items()))


def answers(folder: Path) -> Json:
    """Which variant may call a kfunc: sentences, classes of variants, and per kfunc one sentence number a class."""
    old = read(folder, "kfunc_availability.json")
    if "classes" in old:
        classes = {variant(first): [variant(v) for v in members] for first, members in old["classes"].items()}
    else:
        names = sorted({v for entry in old["kfuncs"].values() for vs in entry.values() for v in vs})
        names = [name for name in names if name not in old["not_probed"]]
        classes = {variant(name): [variant(name)] for name in names}
    sentences = sorted({sentence for entry in old["kfuncs"].values() for sentence in entry})
    order = list(classes)
    kfuncs: dict[str, list[int]] = {}
    for kfunc, entry in old["kfuncs"].items():
        said = {variant(v): sentences.index(sentence) for sentence, variants in entry.items() for v in variants}
        kfuncs[kfunc] = [said.get(name, -1) for name in order]
    not_probed = {variant(name): why for name, why in old["not_probed"].items() if variant(name) not in classes}
    return {"sentences": sentences, "classes": [classes[c] for c in order], "not_probed": not_probed, "kfuncs": kfuncs}


def helpers(folder: Path) -> Json:
    """Helper -> variants that may call it, as lists by variant, in one spelling of the variants."""
    old = read(folder, "helpers.json")
    also = {variant(name): names for name, names in old["also"].items()}
    other = {variant(name): said for name, said in old.get("refused_with_another_message", {}).items()}
    not_probed = {variant(name): why for name, why in old["not_probed"].items() if variant(name) not in also}
    return {"not_probed": not_probed, "everywhere": old["everywhere"], "also": also, "other_sentences": other}


def derive_helpers(facts: Path, kernel: str, table: Json) -> None:
    """Fill the variants that this kernel could not load where both neighbours answer alike; the rest is undecided."""
    before, after = (helpers(facts / name) for name in NEIGHBOURS[kernel])
    ids = set(read(facts / kernel, "enums.json")["helper_ids"]) - left_out(table, before, after)
    everywhere = set(table["everywhere"])
    derived: Json = {}
    for name in DERIVED[kernel]:
        sides = []
        for side in (before, after):
            yes = set(side["everywhere"]) | set(side["also"].get(name, []))
            sides.append((yes, side["other_sentences"].get(name, {})))
        (yes_before, said_before), (yes_after, said_after) = sides
        known = set(side_ids(before)) & set(side_ids(after)) & ids
        sleeps = {h for h in known if "sleep" in said_before.get(h, "") and "sleep" in said_after.get(h, "")}
        same = {h: s for h, s in said_before.items() if said_after.get(h) == s}
        differ = {h for h in known if (h in yes_before) != (h in yes_after)}
        unclear = {h for h in differ | (set(said_before) ^ set(said_after)) if h not in everywhere}
        derived[name] = {
            "allowed": sorted(((yes_before & yes_after & ids) | sleeps) - everywhere - unclear),
            "undecided": sorted(unclear - sleeps),
            "other_sentences": dict(sorted(same.items())),
        }
    table["derived"] = derived
    table["derived_from"] = (
        "variants that this kernel could not load: what " + " and ".join(NEIGHBOURS[kernel]) + " agree on"
    )


def left_out(table: Json, before: Json, after: Json) -> set[str]:
    """Helpers that this kernel refuses in a variant where both neighbours allow them: configured away."""
    found: set[str] = set()
    for name in table["also"]:
        mine, left, right = (
            set(side["everywhere"]) | set(side["also"].get(name, [])) | set(side["other_sentences"].get(name, {}))
            for side in (table, before, after)
        )
        found |= (left & right) - mine
    return found


def side_ids(side: Json) -> set[str]:
    return {name for names in side["also"].values() for name in names} | set(side["everywhere"])


def sets(kernel: str, folder: Path) -> Json:
    """The kernel's lists; id sets that its facts lack come from its source (sets_from_source.py)."""
    table: Json = read(folder, "btf_sets.json")
    more = Path(__file__).resolve().parent / "kernel_sets" / f"{kernel}.json"
    if "sets" not in table and more.exists():
        table["sets"] = json.loads(more.read_text())
        table["sets_source"] = f"source of Linux {kernel}, without regard to configuration"
    return table


def pack(facts: Path, kernel: str, output: Path) -> None:
    """Write one kernel's folder."""
    folder = facts / kernel
    enums = read(folder, "enums.json")
    meta = read(folder, "meta.json")
    meta |= MORE_META.get(kernel, {})
    if kernel in TYPES_FROM:
        meta["types_from"] = TYPES_FROM[kernel]
    meta["sources"] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in sorted(folder.iterdir())
    }
    table = helpers(folder)
    if kernel in DERIVED:
        derive_helpers(facts, kernel, table)
    output.mkdir(parents=True, exist_ok=True)
    (output / "meta.json").write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n")
    tables = {
        "enums": enums,
        "helpers": table,
        "helper_protos": protos(kernel, folder, enums),
        "kfuncs": read(folder, "kfuncs.json"),
        "kfunc_answers": answers(folder),
        "sets": sets(kernel, folder),
    }
    for name, content in tables.items():
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
        (output / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    if (folder / "btf.zst").exists():
        shutil.copyfile(folder / "btf.zst", output / "btf.zst")


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    facts = Path(arguments[0])
    here = Path(__file__).resolve().parent.parent
    output = Path(arguments[1]) if len(arguments) > 1 else here / "src" / "kverdict" / "kernel" / "data"
    for kernel in KERNELS:
        if not (facts / kernel / "meta.json").exists():
            print(f"{facts / kernel}: no facts (meta.json expected)", file=sys.stderr)
            return 2
        pack(facts, kernel, output / kernel)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
