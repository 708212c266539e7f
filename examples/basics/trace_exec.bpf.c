/* Reports each new program through a ring buffer: what is reserved must be submitted or discarded on every path. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"
#include "kernel_types.h"

LICENSE_GPL;

struct event {
	u64 time;
	u32 process, parent;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

SETTING u32 ignored_process;

SEC("tp_btf/sched_process_exec")
int trace_exec(u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct event *event;

	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->process = task->tgid;
	if (event->process == ignored_process) {
		bpf_ringbuf_discard(event, 0);
		return 0;
	}
	event->time = bpf_ktime_get_ns();
	event->parent = task->real_parent->tgid;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}
