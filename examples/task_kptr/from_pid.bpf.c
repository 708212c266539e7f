/* Tasks by their number in the initial pid namespace. No task has a negative number: the answer must be NULL. */
/* SPDX-License-Identifier: Apache-2.0 */
#define LOOK_UP bpf_task_from_pid
#define NAMED(what) from_pid_##what
#include "from_pid.h"
