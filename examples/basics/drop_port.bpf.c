/* Drops TCP packets to a port that is listed in a map, and counts what it did: XDP, with every read checked first. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"
#include "packet.h"

LICENSE_GPL;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u16);
	__type(value, u8);
	__uint(max_entries, 64);
} blocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 3);
} decisions SEC(".maps");

static int decided(u32 decision)
{
	u64 *count = bpf_map_lookup_elem(&decisions, &decision);

	if (count)
		++*count;
	return decision;
}

SEC("xdp")
int drop_port(struct xdp_md *context)
{
	void *end = (void *)(long)context->data_end;
	struct ethernet *frame = (void *)(long)context->data;
	struct ipv4 *packet = (void *)(frame + 1);
	struct ports *ports;
	u16 port;

	if ((void *)(packet + 1) > end)
		return decided(XDP_PASS);
	if (frame->type != network16(ETHERTYPE_IPV4) || packet->protocol != PROTOCOL_TCP || packet->length < 5)
		return decided(XDP_PASS);
	ports = (void *)packet + packet->length * 4;
	if ((void *)(ports + 1) > end)
		return decided(XDP_PASS);
	port = network16(ports->to);
	return decided(bpf_map_lookup_elem(&blocked, &port) ? XDP_DROP : XDP_PASS);
}
