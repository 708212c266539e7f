/* How often each process opens a file: a kprobe that counts in a hash map. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"
#include "kernel_types.h"

LICENSE_GPL;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1024);
} opens SEC(".maps");

SEC("kprobe/do_sys_openat2")
int count_opens(struct pt_regs *registers)
{
	u32 process = bpf_get_current_pid_tgid() >> 32;
	u64 one = 1, *count;

	count = bpf_map_lookup_elem(&opens, &process);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&opens, &process, &one, BPF_NOEXIST);
	return 0;
}
