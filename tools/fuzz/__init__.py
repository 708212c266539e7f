"""The differential fuzzer: random structured programs, judged by kverdict and by a real kernel; disagreements are kept."""
