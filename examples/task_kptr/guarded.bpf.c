/*
 * Acquire and release a task, but only if a module is there. Where it is not, the loader makes that branch dead code,
 * so every kernel accepts, whatever it thinks of the rest; see unguarded/ for the same without the module.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "guarded.h"
