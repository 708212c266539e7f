/*
 * Missing re-check: the slot is looked at, the task is found by its number, and then it is stored; in between somebody
 * else did the same. What was there is taken out by the exchange and must not be thrown away unseen: `stored` counts two
 * although one slot holds one task. The repaired program counts what it replaced.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "slot.h"

u64 stored;

SEC("syscall")
int store(void *ctx)
{
	struct task_struct *task, *old;
	struct slot *slot = the_slot();

	if (!slot || slot->task)
		return 0;
	task = bpf_task_from_pid(100);
	if (!task)
		return 0;
	old = bpf_kptr_xchg(&slot->task, task);
	if (old)
		bpf_task_release(old);
	__sync_fetch_and_add(&stored, 1);
	return 0;
}

SEC("syscall")
int store_repaired(void *ctx)
{
	struct task_struct *task, *old;
	struct slot *slot = the_slot();

	if (!slot || slot->task)
		return 0;
	task = bpf_task_from_pid(100);
	if (!task)
		return 0;
	old = bpf_kptr_xchg(&slot->task, task);
	if (old)
		bpf_task_release(old);
	else
		__sync_fetch_and_add(&stored, 1);
	return 0;
}
