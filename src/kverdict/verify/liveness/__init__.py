"""Which registers and stack slots of a checkpoint may still be read: three ways, by kernel.

traced (before 6.18): each path marks what it reads in the checkpoints behind it (mark_reg_read()).
collected (6.18): reads and writes of slots are collected during the walk, per call chain and instruction, and a fixed
point over the flow graph says what is alive; registers are computed before the walk.
computed (7.1 and later): where pointers into the stack go is followed before the walk, and halves of slots that nothing
reads are taken from every state (origins, transfer, accesses, instances, analysis, tables).
Source: kernel/bpf/liveness.c of each kernel.
"""
