/* Acquire and release, guarded by questions about weak kernel functions that the loader answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_TASK_KPTR_GUARDED_H
#define EXAMPLES_TASK_KPTR_GUARDED_H

#include "switch.h"

void kfunc_of_a_module_not_there(int argument) __ksym __weak;
void kfunc_that_never_was(void) __ksym __weak;

static int acquire_and_release(struct task_struct *task)
{
	struct task_struct *acquired;

#ifndef UNGUARDED
	if (!kfunc_exists(kfunc_of_a_module_not_there)) {
		error = 4;
		return 0;
	}
#endif
	if (kfunc_exists(kfunc_that_never_was)) {
		error = 5;
		asm volatile("goto -1"); /* an endless loop: the verifier must see that this is dead code */
	}
	acquired = bpf_task_acquire(task);
#ifdef BEFORE_THE_PATCH
	bpf_task_release(acquired);
#else
	if (acquired)
		bpf_task_release(acquired);
	else
		error = 6;
#endif
	return 0;
}

SEC("tp_btf/task_newtask")
int acquire_release_argument(u64 *ctx)
{
	struct task_struct *task = TASK(ctx);

	if (!is_watched())
		return 0;
	return acquire_and_release(task);
}

SEC("tp_btf/task_newtask")
int acquire_release_current(u64 *ctx)
{
	if (!is_watched())
		return 0;
	return acquire_and_release(bpf_get_current_task_btf());
}

#endif
