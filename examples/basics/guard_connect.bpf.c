/* Refuses connections to a port, except for one address: a cgroup hook whose return value decides. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"
#include "packet.h"

LICENSE_GPL;

enum { REFUSE, ALLOW };

SETTING u16 guarded_port = 25;
SETTING u32 mail_server = 0x0a000001; /* 10.0.0.1 */

u64 refused;

SEC("cgroup/connect4")
int guard_connect(struct bpf_sock_addr *address)
{
	if (network16((u16)address->user_port) != guarded_port)
		return ALLOW;
	if (network32(address->user_ip4) == mail_server)
		return ALLOW;
	__sync_fetch_and_add(&refused, 1);
	return REFUSE;
}
