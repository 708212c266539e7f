"""The fuzzer's programs: the same for the same seed, always programs, and of both verdicts."""

from __future__ import annotations

from kverdict.kernel.profile import load_profile
from kverdict.verify import Accepted, Rejected, verify
from tools.fuzz.generate import sample
from tools.fuzz.judge import AGREED, COUNT, FALSE_ACCEPT, FALSE_REFUSAL, SENTENCE, _kind, linked
from tools.fuzz.minimise import _smaller


def test_a_seed_always_gives_the_same_program() -> None:
    assert [sample(seed) for seed in range(50)] == [sample(seed) for seed in range(50)]
    assert sample(1) != sample(2)


def test_generated_text_is_a_program_and_both_verdicts_occur() -> None:
    profile = load_profile("6.18")
    verdicts = [verify(linked(sample(seed), profile)) for seed in range(60)]
    accepted = sum(isinstance(verdict, Accepted) for verdict in verdicts)
    refused = sum(isinstance(verdict, Rejected) for verdict in verdicts)
    assert accepted + refused == 60
    assert accepted >= 10
    assert refused >= 10


def test_disagreements_are_told_apart_and_kfunc_numbers_do_not_count() -> None:
    assert _kind("", "", 5, 5) == AGREED
    assert _kind("", "", 5, 6) == COUNT
    assert _kind("", "R1 !read_ok", 5, 5) == FALSE_ACCEPT
    assert _kind("R1 !read_ok", "", 5, 5) == FALSE_REFUSAL
    assert _kind("R1 !read_ok", "R2 !read_ok", 5, 5) == SENTENCE
    assert _kind("kfunc x#17 refused", "kfunc x#99 refused", 5, 5) == AGREED


def test_smaller_programs_leave_lines_out_and_keep_the_maps() -> None:
    profile = load_profile("6.18")
    whole = sample(3)
    candidates = _smaller(whole, profile)
    assert candidates
    for candidate in candidates:
        assert len(candidate.lines) < len(whole.lines)
        assert candidate.lines[:5] == whole.lines[:5]
