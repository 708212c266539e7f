/* The accepted programs act only for the process that switched them on, and note what went wrong. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_TASK_KPTR_SWITCH_H
#define EXAMPLES_TASK_KPTR_SWITCH_H

#include "common.h"

int error, watched;

static bool is_watched(void)
{
	int process = bpf_get_current_pid_tgid() >> 32;

	return watched == process;
}

#endif
