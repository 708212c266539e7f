"""The differential fuzzer: random programs, judged by kverdict and by a real kernel; disagreements are kept."""
