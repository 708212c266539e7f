/* Ways to take a reference of a task that the kernel accepts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "switch.h"

SEC("tp_btf/task_newtask")
int current_acquire_release(u64 *ctx)
{
	struct task_struct *current, *acquired;

	if (!is_watched())
		return 0;
	current = bpf_get_current_task_btf();
	acquired = bpf_task_acquire(current);
	if (acquired)
		bpf_task_release(acquired);
	else
		error = 1;
	return 0;
}

SEC("tp_btf/task_newtask")
int acquire_group_leader(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);
	struct task_struct *acquired;

	/* A task holds its group leader until the task itself is freed. */
	acquired = bpf_task_acquire(task->group_leader);
	if (acquired)
		bpf_task_release(acquired);
	else
		error = 1;
	return 0;
}

/* A sleepable program is in an RCU read section only where it says so. */
SEC("iter.s/task")
int acquire_grandparent_under_rcu(struct bpf_iter__task *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *parent, *grandparent;

	bpf_rcu_read_lock();
	parent = task->real_parent;
	if (!parent)
		goto out;
	grandparent = parent->real_parent;
	if (!grandparent)
		goto out;
	grandparent = bpf_task_acquire(grandparent);
	if (!grandparent)
		goto out;
	bpf_task_release(grandparent);
out:
	bpf_rcu_read_unlock();
	return 0;
}
