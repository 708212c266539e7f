/* A file that lists all tasks: the kernel calls the program once for each, and once more at the end without one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"
#include "kernel_types.h"

LICENSE_GPL;

struct line {
	u64 number, pid, parent;
};

SEC("iter/task")
int list_tasks(struct bpf_iter__task *ctx)
{
	static const char head[] = "  number      pid   parent\n";
	static const char format[] = "%8llu %8llu %8llu\n";
	struct seq_file *out = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct line line;

	if (!task)
		return 0;
	line.number = ctx->meta->seq_num;
	line.pid = task->pid;
	line.parent = task->real_parent->pid;
	if (!line.number)
		bpf_seq_printf(out, head, sizeof(head), NULL, 0);
	bpf_seq_printf(out, format, sizeof(format), &line, sizeof(line));
	return 0;
}
