/* Tasks kept alive by a map: leave one there, take it out again, or borrow it under RCU. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "switch.h"
#include "task_map.h"

SEC("tp_btf/task_newtask")
int leave_in_map(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);

	if (!is_watched())
		return 0;
	if (insert(task))
		error = 1;
	return 0;
}

SEC("tp_btf/task_newtask")
int xchg_release(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);
	struct task_struct *taken;
	struct kept *entry;

	if (!is_watched())
		return 0;
	if (insert(task)) {
		error = 1;
		return 0;
	}
	entry = find(task);
	if (!entry) {
		error = 2;
		return 0;
	}
	taken = bpf_kptr_xchg(&entry->task, NULL);
	if (!taken) {
		error = 3;
		return 0;
	}
	bpf_task_release(taken);
	return 0;
}

#ifndef BEFORE_THE_PATCH
SEC("tp_btf/task_newtask")
int map_acquire_release(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);
	struct task_struct *borrowed;
	struct kept *entry;

	if (!is_watched())
		return 0;
	if (insert(task)) {
		error = 1;
		return 0;
	}
	entry = find(task);
	if (!entry) {
		error = 2;
		return 0;
	}
	bpf_rcu_read_lock();
	borrowed = entry->task;
	if (!borrowed) {
		error = 3;
	} else {
		borrowed = bpf_task_acquire(borrowed);
		if (!borrowed)
			error = 4;
		else
			bpf_task_release(borrowed);
	}
	bpf_rcu_read_unlock();
	return 0;
}
#endif
