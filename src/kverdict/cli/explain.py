"""`kverdict explain`: what a sentence of the kernel means; from its id, its words, or a whole log."""

from __future__ import annotations

import os
import sys

import click

from kverdict.cli import common
from kverdict.errors import InputError


@click.command("explain")
@click.argument("what", nargs=-1, required=True, metavar="ID | SENTENCE | LOGFILE | -")
@click.option("--list", "everything", is_flag=True, help="list all ids")
@common.color_option()
def command(what: tuple[str, ...], everything: bool, color: str) -> int:
    """Explains a message id, a sentence in the kernel's words, or the last sentence of a log (file or `-`).

    For example: bpftool prog load prog.bpf.o /sys/fs/bpf/p 2>&1 | kverdict explain -
    """
    from kverdict.report.color import Palette, wants_color

    paint = Palette(wants_color(sys.stdout, color))
    text = " ".join(what)
    if text == "-":
        return _log(sys.stdin.read(), "-", paint)
    if len(what) == 1 and os.path.isfile(text):
        try:
            with open(text, encoding="utf-8", errors="replace") as file:
                return _log(file.read(), text, paint)
        except OSError as problem:
            raise InputError(text, "", f"cannot be read: {problem.strerror}") from None
    return _one(text, paint)


def _one(text: str, paint: object) -> int:
    from kverdict.catalogue import by_id, find_by_kernel_text
    from kverdict.report.color import Palette
    from kverdict.report.explain import message_text, nearest_ids

    assert isinstance(paint, Palette)
    message = by_id(text)
    if message is not None:
        click.echo(message_text(message, {}, paint), color=paint.on)
        return 0
    hits = find_by_kernel_text(text)
    if hits:
        click.echo(message_text(hits[0].message, hits[0].facts, paint), color=paint.on)
        return 0
    close = nearest_ids(text)
    hint = f", nearest: {', '.join(close)}" if close else ""
    raise InputError("explain", repr(text), f"neither an id nor a sentence of the verifier that kverdict knows{hint}")


def _log(text: str, source: str, paint: object) -> int:
    from kverdict.report.color import Palette
    from kverdict.report.explain import log_text

    assert isinstance(paint, Palette)
    said = log_text(text, paint)
    if not said:
        raise InputError(source, "", "no sentence of the verifier found in this log")
    click.echo(said, color=paint.on)
    return 0
