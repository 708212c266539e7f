/* Guarded by a module, and without a NULL check: fine before bpf_task_acquire() could return NULL. */
/* SPDX-License-Identifier: Apache-2.0 */
#define BEFORE_THE_PATCH
#include "guarded.h"
