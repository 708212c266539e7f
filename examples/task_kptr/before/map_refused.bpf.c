/* As ../map_refused.bpf.c, without the NULL check after bpf_task_acquire(). */
/* SPDX-License-Identifier: Apache-2.0 */
#define BEFORE_THE_PATCH
#include "../map_refused.bpf.c"
