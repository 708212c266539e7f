/* Each program gets bpf_task_acquire() wrong in one way. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "common.h"

SEC("tp_btf/task_newtask")
int acquire_stack_address(u64 *ctx)
{
	u64 clone_flags = ctx[1];
	struct task_struct *acquired, *place = (struct task_struct *)&clone_flags;

	acquired = bpf_task_acquire((struct task_struct *)&place);
	if (!acquired)
		return 0;
	bpf_task_release(acquired);
	return 0;
}

SEC("tp_btf/task_newtask")
int acquire_null(u64 *ctx)
{
	struct task_struct *acquired;

	acquired = bpf_task_acquire(NULL);
	if (!acquired)
		return 0;
	bpf_task_release(acquired);
	return 0;
}

SEC("tp_btf/task_newtask")
int acquire_unreleased(u64 *ctx)
{
	struct task_struct *acquired;

	acquired = bpf_task_acquire(TASK(ctx));
	keep(acquired);
	return 0;
}

/* A kretprobe may be anywhere: nothing that it reads is a pointer that the verifier trusts, and no kfunc of tasks may be called. */
SEC("kretprobe/free_task")
int acquire_in_kretprobe(u64 *ctx)
{
	struct task_struct *acquired;

	acquired = bpf_task_acquire(TASK(ctx));
	if (!acquired)
		return 0;
	bpf_task_release(acquired);
	return 0;
}

SEC("kretprobe/free_task")
int acquire_in_kretprobe_under_rcu(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);
	struct task_struct *acquired;

	bpf_rcu_read_lock();
	if (!task) {
		bpf_rcu_read_unlock();
		return 0;
	}
	acquired = bpf_task_acquire(task);
	if (acquired)
		bpf_task_release(acquired);
	bpf_rcu_read_unlock();
	return 0;
}

/* The hook runs when the last reference is gone: its argument is not to be trusted. */
SEC("lsm/task_free")
int acquire_in_lsm_task_free(u64 *ctx)
{
	struct task_struct *acquired;

	acquired = bpf_task_acquire(TASK(ctx));
	if (!acquired)
		return 0;
	bpf_task_release(acquired);
	return 0;
}
