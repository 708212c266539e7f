/* A hash map that keeps one task alive, and the way in. BEFORE_THE_PATCH leaves out what acquire did not ask for then. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_TASK_KPTR_TASK_MAP_H
#define EXAMPLES_TASK_KPTR_TASK_MAP_H

#include "common.h"

struct kept {
	struct task_struct __kptr *task;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, int);
	__type(value, struct kept);
	__uint(max_entries, 1);
} tasks SEC(".maps");

/* The map's entry of a task, or NULL. */
static inline struct kept *find(struct task_struct *task)
{
	s32 pid;

	if (bpf_probe_read_kernel(&pid, sizeof(pid), &task->pid))
		return NULL;
	return bpf_map_lookup_elem(&tasks, &pid);
}

/* Takes a reference of a task and leaves it in the map; 0 if that worked. */
static inline int insert(struct task_struct *task)
{
	struct task_struct *acquired, *old;
	struct kept empty, *entry;
	long status;
	s32 pid;

	status = bpf_probe_read_kernel(&pid, sizeof(pid), &task->pid);
	if (status)
		return status;
	empty.task = NULL;
	status = bpf_map_update_elem(&tasks, &pid, &empty, BPF_NOEXIST);
	if (status)
		return status;
	entry = bpf_map_lookup_elem(&tasks, &pid);
	if (!entry) {
		bpf_map_delete_elem(&tasks, &pid);
		return -ENOENT;
	}
	acquired = bpf_task_acquire(task);
#ifndef BEFORE_THE_PATCH
	if (!acquired)
		return -ENOENT;
#endif
	old = bpf_kptr_xchg(&entry->task, acquired);
	if (old) {
		bpf_task_release(old);
		return -EEXIST;
	}
	return 0;
}

/* Both steps: the entry in which the task was left, or NULL. */
static inline struct kept *insert_and_find(struct task_struct *task)
{
	if (insert(task))
		return NULL;
	return find(task);
}

#endif
