/* As ../before/map_refused.bpf.c, with the pointer's tag of Linux 6.3. */
/* SPDX-License-Identifier: Apache-2.0 */
#define KPTR_TAG "kptr_ref"
#define BEFORE_THE_PATCH
#include "../map_refused.bpf.c"
