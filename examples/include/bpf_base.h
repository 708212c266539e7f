/* What every example needs: integer names, sections, map definitions, pointer tags. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_BPF_BASE_H
#define EXAMPLES_BPF_BASE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;
typedef _Bool bool;

#define NULL ((void *)0)
#define true 1
#define false 0

/* The section's name tells the loader what kind of program this is and where it belongs. */
#define SEC(name) __attribute__((section(name), used))
#define LICENSE_GPL char license_text[] SEC("license") = "GPL"

/* A map is a variable in ".maps" whose members spell its properties as types. */
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name
#define __array(name, type) typeof(type) *name[]

/* Marks on pointers inside map values. Before Linux 6.4 the referenced one was called "kptr_ref". */
#ifndef KPTR_TAG
#define KPTR_TAG "kptr"
#endif
#define __kptr __attribute__((btf_type_tag(KPTR_TAG)))
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))

/* Functions and variables of the kernel, found by name when the program is loaded. */
#define __ksym __attribute__((section(".ksyms")))
#define __kconfig __attribute__((section(".kconfig")))
#define __weak __attribute__((weak))
#define __inline static inline __attribute__((always_inline))
#define __separate __attribute__((noinline))

/* Whether the kernel has a weak function: its address is a constant that the loader fills in. */
#define kfunc_exists(function) (!!(function))

/* Keeps a value that nothing else uses. */
#define keep(variable) asm volatile("" : "+r"(variable))

/* Read-only settings that a loader may preset. */
#define SETTING const volatile

#define ENOENT 2
#define EEXIST 17

#endif
