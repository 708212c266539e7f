/*
 * The members of kernel structures that the examples read. Offsets here mean nothing: preserve_access_index makes the
 * compiler record each access by name, and the loader puts in the offset that the running kernel has.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_KERNEL_TYPES_H
#define EXAMPLES_KERNEL_TYPES_H

#include "bpf_base.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	s32 pid;
	s32 tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	char comm[16];
};

struct seq_file {
	u64 count;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

/* Registers of a probed function; named by its architecture's convention: the examples are for x86-64. */
struct pt_regs {
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long ax;
};

#pragma clang attribute pop

#endif
