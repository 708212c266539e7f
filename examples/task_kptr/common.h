/* What the programs about task_struct share: the context of tp_btf/task_newtask, and what is switched from outside. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_TASK_KPTR_COMMON_H
#define EXAMPLES_TASK_KPTR_COMMON_H

#include "helpers.h"
#include "kfuncs.h"

LICENSE_GPL;

/* Every argument of a traced function or tracepoint is one 64-bit slot of the context. */
#define TASK(ctx) ((struct task_struct *)(ctx)[0])

#endif
