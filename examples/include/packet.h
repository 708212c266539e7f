/* Packets: contexts of the networking program types, and the headers of a frame in network byte order. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_PACKET_H
#define EXAMPLES_PACKET_H

#include "bpf_base.h"

/* The contexts below are fixed by the kernel's interface to programs; their pointers are 32 bits wide on paper only. */
struct xdp_md {
	u32 data;
	u32 data_end;
	u32 data_meta;
	u32 ingress_ifindex;
	u32 rx_queue_index;
	u32 egress_ifindex;
};

struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol;
	u32 vlan_present;
	u32 vlan_tci;
	u32 vlan_proto;
	u32 priority;
	u32 ingress_ifindex;
	u32 ifindex;
	u32 tc_index;
	u32 cb[5];
	u32 hash;
	u32 tc_classid;
	u32 data;
	u32 data_end;
};

struct bpf_sock_addr {
	u32 user_family;
	u32 user_ip4;
	u32 user_ip6[4];
	u32 user_port;
	u32 family;
	u32 type;
	u32 protocol;
};

enum { XDP_ABORTED, XDP_DROP, XDP_PASS };
enum { TC_ACT_OK = 0, TC_ACT_SHOT = 2 };
enum { ETHERTYPE_IPV4 = 0x0800, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

struct ethernet {
	u8 to[6], from[6];
	u16 type;
} __attribute__((packed));

struct ipv4 {
	u8 length : 4, version : 4;
	u8 service;
	u16 total, id, fragment;
	u8 ttl, protocol;
	u16 checksum;
	u32 from, to;
};

struct ports {
	u16 from, to;
};

#define network16(number) __builtin_bswap16(number)
#define network32(number) __builtin_bswap32(number)

#endif
