/* Gives outgoing DNS packets a mark and a priority: a tc classifier that loads headers by helper, safe for any layout. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"
#include "packet.h"

LICENSE_GPL;

SETTING u32 mark = 7;
SETTING u16 wanted_port = 53;

SEC("tc")
int mark_by_port(struct __sk_buff *packet)
{
	struct ipv4 header;
	struct ports ports;

	if (packet->protocol != network16(ETHERTYPE_IPV4))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(packet, sizeof(struct ethernet), &header, sizeof(header)))
		return TC_ACT_OK;
	if (header.protocol != PROTOCOL_UDP)
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(packet, sizeof(struct ethernet) + header.length * 4, &ports, sizeof(ports)))
		return TC_ACT_SHOT;
	if (network16(ports.to) != wanted_port)
		return TC_ACT_OK;
	packet->mark = mark;
	packet->priority = 1;
	return TC_ACT_OK;
}
