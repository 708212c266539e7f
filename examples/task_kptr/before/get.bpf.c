/* bpf_task_kptr_get() with the pointer's tag of Linux 6.4, which no longer has the function. */
/* SPDX-License-Identifier: Apache-2.0 */
#define BEFORE_THE_PATCH
#include "get.h"
