"""Records in tests/oracle what real kernels say about the examples, so that tests need neither root nor QEMU."""

from __future__ import annotations

import datetime
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kverdict.errors import LinkError, UnsupportedError
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.objfile.object import Object
from kverdict.program.link import link
from kverdict.program.program import Program
from tools.oracle.answer import Answer, OracleError
from tools.oracle.digest import digest
from tools.oracle.items import LOG_STATES, LOG_TRACE
from tools.oracle.load_program import PROFILES, ask
from tools.oracle.oracle import Oracle

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
RECORDS = ROOT / "tests" / "oracle"
COUNTERPARTS = EXAMPLES / "task_kptr" / "counterparts.json"
SCHEMA = "kverdict-recorded/1"
LINES = 3
# Kernels that were asked once and are not kept: name in patch_programs.json -> profile.
EARLIER = {
    "6.3 (gcc)": "6.3",
    "6.3 (clang, type tags)": "6.3-clang",
    "6.4": "6.4",
    "6.4 without the patch": "before_the_patch",
}
_ADDRESS = re.compile(r"0xffff[0-9a-f]{12}")  # differs from one load to the next
Record = dict[str, Any]


def objects(folder: str) -> dict[str, Path]:
    """The objects of a folder of examples: name as in the records ("task_kptr/before/map") -> file."""
    found = sorted((EXAMPLES / folder).rglob("*.bpf.o"))
    return {str(path.relative_to(EXAMPLES)).removesuffix(".bpf.o"): path for path in found}


def record(kernels: Sequence[str], logs: Path | None = None) -> None:
    """Ask `kernels` and rewrite their cells; those of other kernels stay. Prints a line for each kernel.

    logs: a folder for the level-2 log of every program. Raises OracleError.
    """
    for kernel in kernels:
        if kernel not in PROFILES:
            raise OracleError(f"no profile describes kernel {kernel}, only: {' '.join(PROFILES)}")
    for folder in ("task_kptr", "basics"):
        path = RECORDS / f"{folder}.json"
        table = read(path)
        table["programs"] = {key: kept(table, key, row) for key, row in program_rows(folder).items()}
        for kernel in kernels:
            _ask(table, folder, kernel, logs)
        write(path, table)


def read(path: Path) -> Record:
    """A table of records; an empty one if there is no file."""
    if path.exists():
        table: Record = json.loads(path.read_text())
        return table
    return {"schema": SCHEMA, "kernels": {}, "programs": {}}


def write(path: Path, table: Record) -> None:
    """One program a block, one kernel a line: `git diff` shows what changed."""
    head = {key: value for key, value in table.items() if key != "programs"}
    blocks = []
    for name, row in table["programs"].items():
        cells = ",\n".join(f"    {json.dumps(kernel)}: {json.dumps(cell)}" for kernel, cell in row["kernels"].items())
        first = {key: value for key, value in row.items() if key != "kernels"}
        blocks.append(f'  {json.dumps(name)}: {{{json.dumps(first)[1:-1]}, "kernels": {{\n{cells}\n  }}}}')
    text = json.dumps(head, indent=1)[:-2] + ',\n "programs": {\n' + ",\n".join(blocks) + "\n }\n}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def program_rows(folder: str) -> dict[str, Record]:
    """A row without cells for each program of a folder: "task_kptr/map:leave_in_map" -> object, program, section."""
    rows: dict[str, Record] = {}
    for name, path in objects(folder).items():
        opened = Object.open(path)
        for program in opened.programs:
            rows[f"{name}:{program.name}"] = {
                "object": str(path.relative_to(ROOT)),
                "program": program.name,
                "section": program.section,
                "kernels": {},
            }
    return rows


def kept(table: Record, key: str, row: Record) -> Record:
    """The row with the cells that were recorded before. Each cell has the digest of the program it is about."""
    before: Record = table["programs"].get(key, {})
    return row | {"kernels": before.get("kernels", {})}


def _ask(table: Record, folder: str, kernel: str, logs: Path | None) -> None:
    profile = load_profile(PROFILES[kernel])
    oracle = Oracle(kernel)
    linked = _linked(folder, profile)
    answers = dict(zip(linked, ask(oracle, list(linked.values()), LOG_TRACE), strict=True))
    spoken = 0
    for key, row in table["programs"].items():
        row["kernels"].pop(profile.name, None)
        answer = answers.get(key)
        if answer and answer.verdict != "none":
            spoken += 1
            row["kernels"][profile.name] = cell(answer, digest(ROOT / row["object"], row["program"]))
        row["kernels"] = _in_order(row["kernels"])
    how = "running kernel, bpf(2)" if kernel == "host" else "Debian's kernel under QEMU"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    table["kernels"][profile.name] = {"release": _release(oracle), "how": how, "recorded": today}
    print(
        f"{folder}: {profile.name} ({oracle.release}): {spoken} of {len(table['programs'])} programs", file=sys.stderr
    )
    if logs:
        full = ask(oracle, list(linked.values()), LOG_TRACE | LOG_STATES)
        _write_logs(logs / profile.name, dict(zip(linked, full, strict=True)))


def _linked(folder: str, profile: KernelProfile) -> dict[str, Program]:
    """The programs that can be loaded into this kernel at all."""
    linked: dict[str, Program] = {}
    for name, path in objects(folder).items():
        opened = Object.open(path)
        for program in opened.programs:
            try:
                linked[f"{name}:{program.name}"] = link(opened, program.name, profile)
            except (LinkError, UnsupportedError):
                continue  # no kernel would be asked: the cell stays empty
    return linked


def cell(answer: Answer, sha256: str) -> Record:
    """What is kept of an answer."""
    return {
        "verdict": answer.verdict,
        "errno": answer.errno,
        "message": answer.message,
        "last_lines": [] if answer.accepted else [_ADDRESS.sub("0x?", line) for line in answer.messages[-LINES:]],
        "insns_processed": answer.insns_processed,
        "total_states": answer.total_states,
        "peak_states": answer.peak_states,
        "sha256": sha256,
    }


def _in_order(by_kernel: Record) -> Record:
    """Sorted by version; an overlay before the kernel that it changes, a variant behind its version."""
    return dict(sorted(by_kernel.items(), key=lambda item: _order(item[0])))


def _order(kernel: str) -> tuple[list[int], str]:
    version = "6.4" if kernel == EARLIER["6.4 without the patch"] else kernel.partition("-")[0]
    return [int(part) for part in version.split(".")], "" if kernel == "before_the_patch" else "=" + kernel


def _release(oracle: Oracle) -> str:
    """Debian's as it is; of the running kernel only the version, what follows is the machine's."""
    found = re.match(r"[\d.]+", oracle.release)
    return found[0] if oracle.version == "host" and found else oracle.release


def _write_logs(folder: Path, answers: dict[str, Answer]) -> None:
    for key, answer in answers.items():
        if answer.log:
            path = folder / (key.replace(":", ".") + ".log")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(answer.log)


def import_earlier(facts: Path) -> None:
    """Fill the cells of 6.3 and 6.4 from a file of recorded rows (patch_programs.json), through counterparts.json."""
    rows = {(row["style"], row["program"]): row["kernels"] for row in json.loads(facts.read_text())}
    table = read(RECORDS / "task_kptr.json")
    pairs = json.loads(COUNTERPARTS.read_text())["counterparts"]
    for pair in pairs:
        row = table["programs"][pair["program"]]
        said = rows[pair["style"], pair["row"]]
        for name, profile in EARLIER.items():
            if profile in pair["kernels"] and name in said:
                sha256 = digest(ROOT / row["object"], row["program"])
                row["kernels"][profile] = _earlier_cell(said[name], sha256, pair)
        row["kernels"] = _in_order(row["kernels"])
    for name, profile in EARLIER.items():
        table["kernels"][profile] = {"release": name, "how": "asked once; see counterparts.json"}
    table["kernels"] = _in_order(table["kernels"])
    write(RECORDS / "task_kptr.json", table)


def _earlier_cell(said: Record, sha256: str, pair: Record) -> Record:
    """The recorded program is a counterpart, not the same bytes: `counted` says whether the count must agree."""
    return {
        "verdict": said["verdict"],
        "message": said.get("message", ""),
        "insns_processed": said["insns_processed"] if pair.get("counted", True) else None,
        "row": f"{pair['style']}: {pair['row']}",
        "sha256": sha256,
    }
