/* bpf_task_kptr_get(), of Linux 6.2 and 6.3: took a reference of the task in a map value. Later kernels have no such function. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "switch.h"
#include "task_map.h"

struct task_struct *bpf_task_kptr_get(struct task_struct **place) __ksym __weak;

static __attribute__((noinline)) struct kept *kept_entry(struct task_struct *task)
{
	return insert_and_find(task);
}

SEC("tp_btf/task_newtask")
int get_release(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);
	struct task_struct *got;
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
	got = bpf_task_kptr_get(&entry->task);
	if (got) {
		bpf_task_release(got);
		error = 3;
		return 0;
	}
	return 0;
}

SEC("tp_btf/task_newtask")
int get_unreleased(u64 *ctx)
{
	struct task_struct *got;
	struct kept *entry;

	entry = kept_entry(TASK(ctx));
	if (!entry)
		return 0;
	got = bpf_task_kptr_get(&entry->task);
	if (!got)
		return 0;
	return 0;
}

SEC("tp_btf/task_newtask")
int get_non_kptr(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);
	struct task_struct *got;

	got = bpf_task_kptr_get(&task);
	if (!got)
		return 0;
	bpf_task_release(got);
	return 0;
}

SEC("tp_btf/task_newtask")
int get_acquired(u64 *ctx)
{
	struct task_struct *acquired, *got;

	acquired = bpf_task_acquire(TASK(ctx));
#ifndef BEFORE_THE_PATCH
	if (!acquired)
		return 0;
#endif
	got = bpf_task_kptr_get(&acquired);
	bpf_task_release(acquired);
	if (!got)
		return 0;
	bpf_task_release(got);
	return 0;
}

SEC("tp_btf/task_newtask")
int get_null(u64 *ctx)
{
	struct task_struct *got;

	got = bpf_task_kptr_get(NULL);
	if (!got)
		return 0;
	bpf_task_release(got);
	return 0;
}
