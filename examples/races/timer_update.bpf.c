/*
 * Update against a timer: the program reads, adds and writes back while the timer's callback resets the same number.
 * A reset between the read and the write is undone. The repaired programs use atomic operations.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

struct window {
	struct bpf_timer timer;
	u64 count;
	u64 total;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct window);
	__uint(max_entries, 1);
} windows SEC(".maps");

static int close_window(void *map, int *key, struct window *window)
{
	window->total += window->count;
	window->count = 0;
	return 0;
}

static int close_atomically(void *map, int *key, struct window *window)
{
	u64 count = __sync_lock_test_and_set(&window->count, 0);

	__sync_fetch_and_add(&window->total, count);
	return 0;
}

static inline struct window *armed(void *callback)
{
	int zero = 0;
	struct window *window = bpf_map_lookup_elem(&windows, &zero);

	if (!window || bpf_timer_init(&window->timer, &windows, 1))
		return NULL;
	bpf_timer_set_callback(&window->timer, callback);
	bpf_timer_start(&window->timer, 1000, 0);
	return window;
}

SEC("syscall")
int tick(void *ctx)
{
	struct window *window = armed(close_window);

	if (window)
		window->count += 1;
	return 0;
}

SEC("syscall")
int tick_repaired(void *ctx)
{
	struct window *window = armed(close_atomically);

	if (window)
		__sync_fetch_and_add(&window->count, 1);
	return 0;
}
