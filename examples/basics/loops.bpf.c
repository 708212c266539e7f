/* Three ways to repeat: an ordinary bounded loop, a callback, and an open-coded iterator (since Linux 6.4). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"
#include "packet.h"

LICENSE_GPL;

struct bpf_iter_num {
	u64 __opaque[1];
} __attribute__((aligned(8)));

int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

SETTING u32 rounds = 100;
u64 totals[16];

/* The verifier walks every round of this loop. */
SEC("tc")
int bounded_loop(struct __sk_buff *packet)
{
	u64 sum = 0;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 64; i++)
		sum += packet->len ^ i;
	totals[0] = sum;
	return TC_ACT_OK;
}

static int add(u32 index, u64 *sum)
{
	*sum += index;
	return *sum > 1000; /* 1: enough */
}

SEC("tc")
int loop_by_callback(struct __sk_buff *packet)
{
	u64 sum = 0;

	bpf_loop(rounds, add, &sum, 0);
	totals[1] = sum;
	return TC_ACT_OK;
}

/* The iterator must be destroyed on every path; the index that it gives is no bound, so the program checks it. */
SEC("tc")
int loop_by_iterator(struct __sk_buff *packet)
{
	struct bpf_iter_num numbers;
	int *number;

	bpf_iter_num_new(&numbers, 0, rounds);
	while ((number = bpf_iter_num_next(&numbers))) {
		u32 i = *number;

		if (i >= 16)
			break;
		totals[i] += packet->len;
	}
	bpf_iter_num_destroy(&numbers);
	return TC_ACT_OK;
}
