/*
 * Three underscores begin a flavour: a private view of a kernel type or function. The loader looks for the name in front
 * of them, and takes the flavour only if it fits what the kernel has.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "switch.h"

struct task_struct *bpf_task_from_pid___fits(s32 number) __ksym __weak;
struct task_struct *bpf_task_from_pid___one_argument_too_many(s32 number, void *more) __ksym __weak;
struct task_struct *bpf_task_from_nowhere___absent(s32 number) __ksym __weak;

struct task_struct___now {
	s32 pid;
} __attribute__((preserve_access_index));

struct task_struct___never {
	s32 pid_of_the_future;
} __attribute__((preserve_access_index));

struct no_such_struct___never {
	s32 member;
} __attribute__((preserve_access_index));

enum { FIELD_EXISTS = 2 };

/* A function's flavour is found by its first name; those that do not fit are as good as absent. */
SEC("tp_btf/task_newtask")
int flavour_of_kfunc_found(u64 *ctx)
{
	struct task_struct *found;

	if (!is_watched())
		return 0;
	if (kfunc_exists(bpf_task_from_pid___one_argument_too_many)) {
		error = 1;
		found = bpf_task_from_pid___one_argument_too_many(1, NULL);
	} else if (kfunc_exists(bpf_task_from_pid___fits)) {
		found = bpf_task_from_pid___fits(1);
	} else {
		error = 2;
		return 0;
	}
	if (found)
		bpf_task_release(found);
	return 0;
}

SEC("tp_btf/task_newtask")
int flavour_of_kfunc_not_found(u64 *ctx)
{
	struct task_struct *found;

	if (!is_watched())
		return 0;
	if (!kfunc_exists(bpf_task_from_nowhere___absent))
		return 0;
	error = 1;
	found = bpf_task_from_nowhere___absent(1);
	if (found)
		bpf_task_release(found);
	return 0;
}

SEC("tp_btf/task_newtask")
int flavour_of_type_found(u64 *ctx)
{
	struct task_struct___now *task = (void *)TASK(ctx);

	if (!is_watched())
		return 0;
	if (!__builtin_preserve_field_info(task->pid, FIELD_EXISTS) || task->pid < 0)
		error = 1;
	return 0;
}

/* The reads in front of which the loader puts a constant 0 are dead code, and their relocation may fail. */
SEC("tp_btf/task_newtask")
int flavour_of_type_not_found(u64 *ctx)
{
	struct task_struct___never *task = (void *)TASK(ctx);
	struct no_such_struct___never *other = (void *)TASK(ctx);

	if (!is_watched())
		return 0;
	if (__builtin_preserve_field_info(task->pid_of_the_future, FIELD_EXISTS) && task->pid_of_the_future)
		error = 1;
	if (__builtin_preserve_field_info(other->member, FIELD_EXISTS) && other->member)
		error = 2;
	return 0;
}

/* Without asking first, the loader leaves an instruction that no verifier accepts. */
SEC("?tp_btf/task_newtask")
int flavour_of_type_not_asked(u64 *ctx)
{
	struct task_struct___never *task = (void *)TASK(ctx);

	return task->pid_of_the_future != 0;
}
