/* A timer in a map value that starts itself again every second: the first packet sets it off. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"
#include "packet.h"

LICENSE_GPL;

enum { CLOCK_MONOTONIC = 1, SECOND = 1000000000 };

struct clock {
	struct bpf_timer timer;
	u64 started, ticks;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct clock);
	__uint(max_entries, 1);
} clocks SEC(".maps");

static int tick(void *map, u32 *key, struct clock *clock)
{
	clock->ticks++;
	bpf_timer_start(&clock->timer, SECOND, 0);
	return 0;
}

SEC("tc")
int start_clock(struct __sk_buff *packet)
{
	struct clock *clock;
	u32 key = 0;

	clock = bpf_map_lookup_elem(&clocks, &key);
	if (!clock || clock->started)
		return TC_ACT_OK;
	clock->started = bpf_ktime_get_ns();
	if (bpf_timer_init(&clock->timer, &clocks, CLOCK_MONOTONIC))
		return TC_ACT_OK;
	bpf_timer_set_callback(&clock->timer, tick);
	bpf_timer_start(&clock->timer, SECOND, 0);
	return TC_ACT_OK;
}
