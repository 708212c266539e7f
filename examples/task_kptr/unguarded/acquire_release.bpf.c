/* Acquire and release the tracepoint's argument, or the current task. */
/* SPDX-License-Identifier: Apache-2.0 */
#define UNGUARDED
#include "guarded.h"
