/* What was fine before bpf_task_acquire() could return NULL, and a walk that was not. */
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
	bpf_task_release(acquired);
	return 0;
}

SEC("tp_btf/task_newtask")
int acquire_group_leader(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);
	struct task_struct *acquired;

	acquired = bpf_task_acquire(task->group_leader);
	bpf_task_release(acquired);
	return 0;
}
