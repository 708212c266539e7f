/* As ../map.bpf.c, with the pointer's tag of Linux 6.3. */
/* SPDX-License-Identifier: Apache-2.0 */
#define KPTR_TAG "kptr_ref"
#include "../map.bpf.c"
