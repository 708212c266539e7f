/*
 * Stale look-up: a hash element that was deleted is reused at once, also for another key. Whoever still has a pointer to
 * it writes into the other key's element. The repaired programs keep their records in an array, whose elements stay where
 * they are, and change them under a lock.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

struct record {
	struct bpf_spin_lock lock;
	u32 owner;
	u64 amount;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, int);
	__type(value, struct record);
	__uint(max_entries, 1);
} records SEC(".maps");

/* Pays into the record of key 1. */
SEC("syscall")
int pay(void *ctx)
{
	int key = 1;
	struct record *record = bpf_map_lookup_elem(&records, &key);

	if (record)
		record->amount += 5;
	return 0;
}

/* Makes room: key 1 goes, key 2 comes. */
SEC("syscall")
int replace(void *ctx)
{
	struct record fresh = { .owner = 2 };
	int old = 1, key = 2;

	bpf_map_delete_elem(&records, &old);
	bpf_map_update_elem(&records, &key, &fresh, BPF_ANY);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct record);
	__uint(max_entries, 1);
} kept SEC(".maps");

SEC("syscall")
int pay_repaired(void *ctx)
{
	int zero = 0;
	struct record *record = bpf_map_lookup_elem(&kept, &zero);

	if (!record)
		return 0;
	bpf_spin_lock(&record->lock);
	if (record->owner == 1)
		record->amount += 5;
	bpf_spin_unlock(&record->lock);
	return 0;
}

SEC("syscall")
int replace_repaired(void *ctx)
{
	int zero = 0;
	struct record *record = bpf_map_lookup_elem(&kept, &zero);

	if (!record)
		return 0;
	bpf_spin_lock(&record->lock);
	record->owner = 2;
	record->amount = 0;
	bpf_spin_unlock(&record->lock);
	return 0;
}
