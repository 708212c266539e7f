/* The four roles around a task in a map: whoever reads it, takes it out, puts it in, or keeps it for longer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "slot.h"

int err;

/* Looks at the task, then takes a reference, all under one RCU read lock. Returns the pid that it saw. */
SEC("syscall")
int reader(void *ctx)
{
	struct task_struct *seen, *held;
	struct slot *slot = the_slot();
	int pid = 0;

	if (!slot)
		return 0;
	bpf_rcu_read_lock();
	seen = slot->task;
	if (seen) {
		pid = seen->pid;
		held = bpf_task_acquire(seen);
		if (held) {
			if (held->pid != pid)
				err = 1;
			bpf_task_release(held);
		}
	}
	bpf_rcu_read_unlock();
	return pid;
}

/* Takes the task out of the slot and lets it go. */
SEC("syscall")
int writer(void *ctx)
{
	struct slot *slot = the_slot();
	struct task_struct *old;

	if (!slot)
		return 0;
	old = bpf_kptr_xchg(&slot->task, NULL);
	if (old)
		bpf_task_release(old);
	return 0;
}

/* Finds the task by its number and leaves it in the slot. */
SEC("syscall")
int stasher(void *ctx)
{
	struct task_struct *found, *old;
	struct slot *slot = the_slot();

	if (!slot)
		return 0;
	found = bpf_task_from_pid(100);
	if (!found)
		return 0;
	old = bpf_kptr_xchg(&slot->task, found);
	if (old)
		bpf_task_release(old);
	return 0;
}

/* Takes a reference under RCU and uses it after the read lock is gone. Returns whether the slot held a task. */
SEC("syscall")
int keeper(void *ctx)
{
	struct task_struct *seen, *held = NULL;
	struct slot *slot = the_slot();
	int full = 0;

	if (!slot)
		return 0;
	bpf_rcu_read_lock();
	seen = slot->task;
	if (seen) {
		full = 1;
		held = bpf_task_acquire(seen);
	}
	bpf_rcu_read_unlock();
	if (held) {
		if (held->pid != 100)
			err = 1;
		bpf_task_release(held);
	}
	return full;
}
