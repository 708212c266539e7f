/* A task's name has 16 bytes, may be read where the task is trusted, and is the kernel's to write. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "common.h"

SEC("tp_btf/task_newtask")
int comm_one_byte_too_long(u64 *ctx)
{
	bpf_strncmp(TASK(ctx)->comm, 17, "foo");
	return 0;
}

SEC("tp_btf/task_newtask")
int comm_one_byte_too_far(u64 *ctx)
{
	bpf_strncmp(TASK(ctx)->comm + 1, 16, "foo");
	return 0;
}

SEC("tp_btf/task_newtask")
int comm_written_by_helper(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);

	bpf_probe_read_kernel(task->comm, 16, task->comm);
	return 0;
}

/* An argument of fentry may be freed already, unlike one of tp_btf. */
SEC("fentry/__set_task_comm")
int comm_in_fentry(u64 *ctx)
{
	bpf_strncmp(TASK(ctx)->comm, 16, "foo");
	return 0;
}

/* struct task_struct *get_pid_task(struct pid *pid, enum pid_type type) */
SEC("fexit/get_pid_task")
int comm_of_returned_task(u64 *ctx)
{
	struct task_struct *returned = (struct task_struct *)ctx[2];

	if (!returned)
		return 0;
	bpf_strncmp(returned->comm, 16, "foo");
	return 0;
}

/* char *d_path(const struct path *path, char *buffer, int size) */
SEC("fexit/d_path")
int returned_string(u64 *ctx)
{
	bpf_strncmp((const char *)ctx[3], 4, "foo");
	return 0;
}
