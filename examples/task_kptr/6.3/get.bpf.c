/* bpf_task_kptr_get() as in Linux 6.3, with a NULL check after bpf_task_acquire(). */
/* SPDX-License-Identifier: Apache-2.0 */
#define KPTR_TAG "kptr_ref"
#include "get.h"
