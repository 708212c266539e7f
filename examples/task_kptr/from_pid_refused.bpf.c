/* The number may belong to no task. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "common.h"

SEC("tp_btf/task_newtask")
int from_pid_no_null_check(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);

	bpf_task_release(bpf_task_from_pid(task->pid));
	return 0;
}
