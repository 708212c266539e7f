/* A counter in a shared array, and a hash of small records: what the programs here race for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_RACES_COUNTERS_H
#define EXAMPLES_RACES_COUNTERS_H

#include "helpers.h"
#include "kfuncs.h"

LICENSE_GPL;

struct bpf_spin_lock {
	u32 val;
};

static long (*bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;

#endif
