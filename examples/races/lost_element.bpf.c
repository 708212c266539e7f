/*
 * Lost element: look up, find nothing, insert. Two programs that do so at once both find nothing, and the second insert
 * replaces the first: its count is lost. count_repaired inserts with BPF_NOEXIST and counts in what is there.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, int);
	__type(value, u64);
	__uint(max_entries, 4);
} hits SEC(".maps");

SEC("syscall")
int count(void *ctx)
{
	int key = 1;
	u64 one = 1, *value = bpf_map_lookup_elem(&hits, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
	else
		bpf_map_update_elem(&hits, &key, &one, BPF_ANY);
	return 0;
}

SEC("syscall")
int count_repaired(void *ctx)
{
	int key = 1;
	u64 none = 0, *value;

	bpf_map_update_elem(&hits, &key, &none, BPF_NOEXIST);
	value = bpf_map_lookup_elem(&hits, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	return 0;
}
