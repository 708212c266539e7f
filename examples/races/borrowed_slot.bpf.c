/*
 * Borrowing: take the task out of its slot, use it, put it back. Meanwhile others find the slot empty although nobody
 * deleted anything. The repaired programs leave it there, read it under RCU and take a reference of their own.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "slot.h"

int missing;

static inline int look(struct task_struct *task)
{
	return task->pid;
}

SEC("syscall")
int borrow(void *ctx)
{
	struct slot *slot = the_slot();
	struct task_struct *task;
	int pid;

	if (!slot)
		return 0;
	task = bpf_kptr_xchg(&slot->task, NULL);
	if (!task) {
		missing = 1;
		return 0;
	}
	pid = look(task);
	task = bpf_kptr_xchg(&slot->task, task);
	if (task)
		bpf_task_release(task);
	return pid;
}

SEC("syscall")
int borrow_repaired(void *ctx)
{
	struct slot *slot = the_slot();
	struct task_struct *task;
	int pid = 0;

	if (!slot)
		return 0;
	bpf_rcu_read_lock();
	task = slot->task;
	if (task)
		pid = look(task);
	else
		missing = 1;
	bpf_rcu_read_unlock();
	return pid;
}
