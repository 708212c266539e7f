/* Tasks by their number in the caller's pid namespace; newer than bpf_task_from_pid(). */
/* SPDX-License-Identifier: Apache-2.0 */
#define LOOK_UP bpf_task_from_vpid
#define NAMED(what) from_vpid_##what
#include "kernel_types.h"
struct task_struct *bpf_task_from_vpid(s32 vpid) __ksym;
#include "from_pid.h"
