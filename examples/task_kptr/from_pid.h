/* Look tasks up by number with LOOK_UP, which is one of the two functions for that. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "switch.h"

static void compare(const struct task_struct *task)
{
	struct task_struct *found;

	found = LOOK_UP(task->pid);
	if (!found) {
		error = 1;
		return;
	}
	if (found->pid != task->pid)
		error = 2;
	bpf_task_release(found);
}

static int exists(s32 pid)
{
	struct task_struct *found;

	found = LOOK_UP(pid);
	if (found) {
		bpf_task_release(found);
		return 1;
	}
	return 0;
}

SEC("tp_btf/task_newtask")
int NAMED(argument)(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);

	if (!is_watched())
		return 0;
	compare(task);
	return 0;
}

SEC("tp_btf/task_newtask")
int NAMED(current)(u64 *ctx)
{
	if (!is_watched())
		return 0;
	compare(bpf_get_current_task_btf());
	return 0;
}

SEC("tp_btf/task_newtask")
int NAMED(invalid)(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);

	if (!is_watched())
		return 0;
	bpf_strncmp(task->comm, 12, "foo");
	bpf_strncmp(task->comm, 16, "foo");
	bpf_strncmp(&task->comm[8], 4, "foo");
	if (exists(-1)) {
		error = 1;
		return 0;
	}
	if (exists(0xcafef00d)) {
		error = 2;
		return 0;
	}
	return 0;
}
