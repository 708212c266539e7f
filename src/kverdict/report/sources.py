"""Source lines that the object does not carry: looked up in the file that its line records name, if it is here."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from kverdict.diagnostic import Place

LARGEST: Final = 4 << 20  # bytes; nobody writes longer C


def with_source(place: Place, object_name: str) -> Place:
    """The place with its line's text: the record's own, else that of the file, if it is here; "./" is left out."""
    if place.file.startswith("./"):
        place = replace(place, file=place.file[2:])
    if place.source or not place.line or not place.file:
        return place
    for path in _candidates(place.file, object_name):
        lines = _lines(path)
        if 0 < place.line <= len(lines):
            return replace(place, source=lines[place.line - 1])
    return place


def _candidates(file: str, object_name: str) -> list[Path]:
    named = Path(file)
    beside = Path(object_name).parent
    found = [named] if named.is_absolute() else [named, beside / named]
    found += [beside / Path(*named.parts[start:]) for start in range(1, len(named.parts))]
    return found


@lru_cache(maxsize=64)
def _lines(path: Path) -> tuple[str, ...]:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return ()
        return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return ()
