/* Lost update: a global counter that is read, increased and written back; the repaired one is increased atomically. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

u64 total;

SEC("syscall")
int add(void *ctx)
{
	*(volatile u64 *)&total += 1;
	return 0;
}

SEC("syscall")
int add_repaired(void *ctx)
{
	__sync_fetch_and_add(&total, 1);
	return 0;
}
