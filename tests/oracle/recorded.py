"""The recorded verdicts of real kernels, read for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
TABLES: Final = ("task_kptr", "basics")
OVERLAYS: Final = {"before_the_patch": ROOT / "examples" / "overlays" / "before_the_patch.toml"}


class Cell(NamedTuple):
    """What one kernel said about one program.

    profile: what load_profile() takes. verdict: "accepted" or "refused". insns_processed: None if it was not recorded,
    or if the recorded program differs from ours in that. errno and states: None if they were not recorded.
    """

    table: str
    key: str
    object: Path
    program: str
    kernel: str
    profile: str
    verdict: str
    message: str
    insns_processed: int | None
    errno: int | None
    total_states: int | None
    peak_states: int | None
    sha256: str

    @property
    def name(self) -> str:
        """Identifies the cell in the list of tests."""
        return f"{self.key}-{self.kernel}"


def table(name: str) -> dict[str, Any]:
    """One file of recordings as it is."""
    found: dict[str, Any] = json.loads((ROOT / "tests" / "oracle" / f"{name}.json").read_text())
    return found


def cells() -> list[Cell]:
    """All recorded cells."""
    found = []
    for name in TABLES:
        for key, row in table(name)["programs"].items():
            for kernel, said in row["kernels"].items():
                found.append(
                    Cell(
                        table=name,
                        key=key,
                        object=ROOT / row["object"],
                        program=row["program"],
                        kernel=kernel,
                        profile=str(OVERLAYS.get(kernel, kernel)),
                        verdict=said["verdict"],
                        message=said["message"],
                        insns_processed=said["insns_processed"],
                        errno=said.get("errno"),
                        total_states=said.get("total_states"),
                        peak_states=said.get("peak_states"),
                        sha256=said["sha256"],
                    )
                )
    return found
