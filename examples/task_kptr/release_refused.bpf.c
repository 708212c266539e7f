/* Each program gets bpf_task_release() wrong in one way. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "common.h"

SEC("tp_btf/task_newtask")
int release_stack_address(u64 *ctx)
{
	u64 clone_flags = ctx[1];

	bpf_task_release((struct task_struct *)&clone_flags);
	return 0;
}

SEC("tp_btf/task_newtask")
int release_null(u64 *ctx)
{
	bpf_task_release(NULL);
	return 0;
}

SEC("tp_btf/task_newtask")
int release_unacquired(u64 *ctx)
{
	bpf_task_release(TASK(ctx));
	return 0;
}

SEC("tp_btf/task_newtask")
int release_twice(u64 *ctx)
{
	struct task_struct *acquired;

	acquired = bpf_task_from_pid(1);
	if (!acquired)
		return 0;
	bpf_task_release(acquired);
	bpf_task_release(acquired);
	return 0;
}

SEC("tp_btf/task_newtask")
int use_after_release(u64 *ctx)
{
	struct task_struct *acquired;

	acquired = bpf_task_from_pid(1);
	if (!acquired)
		return 0;
	bpf_task_release(acquired);
	return acquired->pid == 1;
}
