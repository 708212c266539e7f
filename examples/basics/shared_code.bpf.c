/* Functions: a static one is verified at each call, a global one once for all arguments it could get. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"
#include "packet.h"

LICENSE_GPL;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 32);
} sizes SEC(".maps");

static __separate u32 bits(u32 number)
{
	u32 count = 0;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 32; i++)
		count += number >> i & 1;
	return count;
}

__separate int remember(u32 slot, u32 amount)
{
	u64 *total = bpf_map_lookup_elem(&sizes, &slot);

	if (!total)
		return -ENOENT;
	__sync_fetch_and_add(total, amount);
	return 0;
}

SEC("xdp")
int size_histogram(struct xdp_md *context)
{
	u32 size = context->data_end - context->data;

	if (remember(bits(size), size))
		return XDP_ABORTED;
	return XDP_PASS;
}
