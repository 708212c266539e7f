"""Packets of capture files (pcap, pcapng), read by scapy, which is an optional dependency: kverdict[pcap]."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from kverdict.errors import InputError
from kverdict.machine.scenario import Event


def packet_events(path: str | Path) -> list[Event]:
    """One packet event for each captured frame, in order. Raises InputError."""
    return [Event("packet", {"hex": raw.hex()}, f"{path}: packet {at}") for at, raw in enumerate(read(path), 1)]


def read(path: str | Path) -> list[bytes]:
    """The frames of a capture file. Raises InputError for a missing or bad file, or if scapy is not installed."""
    try:
        reader: Any = importlib.import_module("scapy.utils").RawPcapReader
    except ImportError:
        raise InputError(str(path), "", "reading captures needs scapy: pip install 'kverdict[pcap]'") from None
    if not Path(path).is_file():
        raise InputError(str(path), "", "no such file")
    scapy_error: Any = importlib.import_module("scapy.error").Scapy_Exception
    try:
        with Path(path).open("rb") as file:
            return [bytes(frame) for frame, _ in reader(file)]
    except (scapy_error, OSError, EOFError) as problem:
        raise InputError(str(path), "", f"cannot be read as a capture: {problem}") from None
