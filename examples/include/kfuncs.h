/* Kernel functions that the examples call by name ("kfuncs"). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_KFUNCS_H
#define EXAMPLES_KFUNCS_H

#include "kernel_types.h"

/* Takes a reference; NULL if the task is already being freed. Before Linux 6.4 it never said NULL. */
struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
/* Gives the reference back. */
void bpf_task_release(struct task_struct *p) __ksym;
/* The task of that number, with a reference, or NULL; the second one counts in the caller's pid namespace. */
struct task_struct *bpf_task_from_pid(s32 pid) __ksym;

void bpf_rcu_read_lock(void) __ksym;
void bpf_rcu_read_unlock(void) __ksym;

#endif
