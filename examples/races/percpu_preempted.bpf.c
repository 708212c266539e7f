/*
 * Per-CPU data: each CPU has its own copy, but two programs on the same CPU share it, and one may preempt the other in
 * the middle of its read and write. The repaired program adds atomically.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, int);
	__type(value, u64);
	__uint(max_entries, 1);
} counts SEC(".maps");

SEC("syscall")
int bump(void *ctx)
{
	int zero = 0;
	u64 *count = bpf_map_lookup_elem(&counts, &zero);

	if (count)
		*(volatile u64 *)count += 1;
	return 0;
}

SEC("syscall")
int bump_repaired(void *ctx)
{
	int zero = 0;
	u64 *count = bpf_map_lookup_elem(&counts, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}
