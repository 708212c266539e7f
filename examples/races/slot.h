/* One task in one slot: an array of one element whose value is a kptr. What the programs here race for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_RACES_SLOT_H
#define EXAMPLES_RACES_SLOT_H

#include "helpers.h"
#include "kfuncs.h"

LICENSE_GPL;

struct slot {
	struct task_struct __kptr *task;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct slot);
	__uint(max_entries, 1);
} slots SEC(".maps");

static inline struct slot *the_slot(void)
{
	int zero = 0;

	return bpf_map_lookup_elem(&slots, &zero);
}

#endif
