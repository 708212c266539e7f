/* The number may belong to no task. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "common.h"

struct task_struct *bpf_task_from_vpid(s32 vpid) __ksym;

SEC("tp_btf/task_newtask")
int from_vpid_no_null_check(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);

	bpf_task_release(bpf_task_from_vpid(task->pid));
	return 0;
}
