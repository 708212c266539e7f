/* Each program gets a task in a map wrong in one way. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "task_map.h"

static __attribute__((noinline)) struct kept *kept_entry(struct task_struct *task)
{
	return insert_and_find(task);
}

SEC("tp_btf/task_newtask")
int acquire_from_map_unchecked(u64 *ctx)
{
	struct task_struct *acquired;
	struct kept *entry;

	entry = kept_entry(TASK(ctx));
	if (!entry)
		return 0;
	acquired = bpf_task_acquire(entry->task);
	if (!acquired)
		return 0;
	bpf_task_release(acquired);
	return 0;
}

SEC("tp_btf/task_newtask")
int xchg_unreleased(u64 *ctx)
{
	struct task_struct *taken;
	struct kept *entry;

	entry = kept_entry(TASK(ctx));
	if (!entry)
		return 0;
	taken = bpf_kptr_xchg(&entry->task, NULL);
	if (!taken)
		return 0;
	return 0;
}

SEC("tp_btf/task_newtask")
int release_from_map_unchecked(u64 *ctx)
{
	struct kept *entry;

	entry = kept_entry(TASK(ctx));
	if (!entry)
		return 0;
	bpf_task_release(entry->task);
	return 0;
}

SEC("tp_btf/task_newtask")
int release_maybe_null(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);
	struct task_struct *acquired, *old;
	struct kept empty, *entry;
	long status;
	s32 pid;

	status = bpf_probe_read_kernel(&pid, sizeof(pid), &task->pid);
	if (status)
		return 0;
	empty.task = NULL;
	status = bpf_map_update_elem(&tasks, &pid, &empty, BPF_NOEXIST);
	if (status)
		return status;
	entry = bpf_map_lookup_elem(&tasks, &pid);
	if (!entry)
		return -ENOENT;
	acquired = bpf_task_acquire(task);
#ifndef BEFORE_THE_PATCH
	if (!acquired)
		return -EEXIST;
#endif
	old = bpf_kptr_xchg(&entry->task, acquired);
	bpf_task_release(old); /* NULL, if nothing was there */
#ifdef BEFORE_THE_PATCH
	bpf_task_release(old);
#endif
	return 0;
}

#ifndef BEFORE_THE_PATCH
SEC("tp_btf/task_newtask")
int release_still_in_map(u64 *ctx)
{
	struct task_struct *borrowed;
	struct kept *entry;
	struct task_struct *task = TASK(ctx);

	if (insert(task))
		return 0;
	entry = find(task);
	if (!entry)
		return 0;
	bpf_rcu_read_lock();
	borrowed = entry->task;
	if (!borrowed) {
		bpf_rcu_read_unlock();
		return 0;
	}
	bpf_task_release(borrowed);
	bpf_rcu_read_unlock();
	return 0;
}
#endif
