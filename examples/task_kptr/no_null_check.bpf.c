/* The program that the patch broke: since Linux 6.4 bpf_task_acquire() may return NULL. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "common.h"

SEC("tp_btf/task_newtask")
int no_null_check(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);
	struct task_struct *acquired;

	acquired = bpf_task_acquire(task);
	bpf_task_release(acquired);
	return 0;
}
