"""Behaviours of the kernel that the walk asks for at every instruction, asked once for each verification."""

from __future__ import annotations

from collections.abc import Callable


class Asked:
    """One attribute for each behaviour (kernel/walk_behaviours.py says what each means and since when)."""

    def ask(self, does: Callable[[str], bool]) -> None:
        """Ask the kernel whose profile answers `does`."""
        self._ask_about_states(does)
        self._ask_about_registers(does)
        self._ask_about_stack(does)

    def _ask_about_states(self, does: Callable[[str], bool]) -> None:
        """What is alive, precise, compared and kept; loops."""
        self.traced_liveness = not does("STATIC_STACK_LIVENESS")
        self.static_registers = does("STATIC_REGISTER_LIVENESS")
        self.folds_offsets = does("POINTER_OFFSETS_FOLDED")
        self.computes_liveness = does("LIVENESS_COMPUTED_FIRST")
        self.precision_across_frames = does("PRECISION_ACROSS_FRAMES")
        self.precision_through_loops = does("PRECISION_THROUGH_LOOPS")
        self.precise_ids = does("PRECISE_SCALAR_IDS")
        self.scalars_equal_by_bounds = not does("PRECISE_SCALARS_COMPARE_IDS")
        self.scalar_ids_compared = does("PRECISE_SCALARS_COMPARE_IDS")
        self.maps_ids = does("STATES_MAP_IDS")
        self.tracks_derived = does("DERIVED_OBJECTS_TRACKED")
        self.ignores_unused_in_loops = does("UNUSED_IGNORED_IN_LOOPS")
        self.compares_iterator_trust = does("ITERATOR_TRUST_COMPARED")
        self.clears_singular_ids = does("SINGULAR_IDS_CLEARED")
        self.callbacks_are_loops = does("CALLBACKS_CLOSE_LOOPS")
        self.unlinked_equals_linked = does("SCALAR_WITHOUT_LINK_EQUALS_LINKED")
        self.packet_end_compared = does("PACKET_END_RANGE_COMPARED")
        self.memory_ranges_compared = does("MEMORY_RANGES_COMPARED")
        self.misc_equals_unknown = does("MISC_SLOT_IS_UNKNOWN_SCALAR")
        self.component_loops = does("LOOPS_BY_COMPONENT")
        self.loop_entries = does("LOOPS_BY_ENTRY") and not self.component_loops
        self.keeps_loop_states = does("LOOP_STATES_KEPT_WHOLE")
        self.exact_loops = does("LOOPS_COMPARED_EXACTLY")
        self.limits_history = does("HISTORY_FORCES_CHECKPOINT")

    def _ask_about_registers(self, does: Callable[[str], bool]) -> None:
        """Links between scalars, branches, NULL."""
        self.widens_by_range = does("WIDENING_IGNORES_LINKS")
        self.unlinks_sign_extended = does("SIGN_EXTENDED_LOAD_UNLINKED")
        self.links_scalars = does("SCALAR_IDS_LINK_REGISTERS")
        self.constants_unlinked = does("CONSTANTS_GET_NO_ID")
        self.links_narrow_moves = does("NARROW_MOVES_LINK")
        self.delta_keeps_link = does("LINKED_DELTA_KEEPS_ID")
        self.delta_synced = does("LINKED_DELTA_SYNCED")
        self.links_in_history = does("LINKED_REGISTERS_IN_HISTORY")
        self.notes_stack_compare = does("STACK_COMPARE_IN_HISTORY")
        self.reads_dst_first = does("BRANCH_READS_DST_FIRST")
        self.compares_null_on_left = does("BRANCH_CONSTANT_ON_LEFT")
        self.learns_from_pointer_compare = does("POINTER_COMPARE_TELLS_NOT_NULL")
        self.collects_links_first = does("LINKED_REGISTERS_COLLECTED_FIRST")
        self.links_alive_only = does("LINKED_REGISTERS_ALIVE_ONLY")
        self.pointers_tested_whole = does("POINTERS_TESTED_WHOLE")
        self.not_null_near_base = does("NOT_NULL_WITHIN_BOUNDS")
        self.compare_asks_not_null = does("POINTER_COMPARE_ASKS_NOT_NULL")
        self.null_tested_by_register = does("NULL_TESTED_BY_REGISTER")
        self.merges_pointer_types = does("KINDS_OF_POINTERS_MERGE")
        self.links_added_constants = does("LINKED_REGISTERS_ADD_CONST")
        self.links_any_sum = does("LINKED_REGISTERS_OF_ANY_SUM")

    def _ask_about_stack(self, does: Callable[[str], bool]) -> None:
        """Loads and stores of the stack."""
        self.links_narrow_spills = does("NARROW_SPILLS_LINK")
        self.scrubs_whole_slots = does("VARIABLE_WRITE_SCRUBS_SLOTS")
        self.stack_reads_and_writes = does("STACK_MESSAGES_SAY_READ_OR_WRITE")
        self.empty_access_has_end = does("EMPTY_STACK_ACCESS_HAS_END")
        self.grows_on_access = does("STACK_GROWS_ON_ACCESS")
        self.spills_all_scalars = does("SPILLS_ALL_SCALARS")
        self.spills_zero = does("SPILLS_ZERO_IMMEDIATE")
        self.keeps_zero_beside_spill = does("ZERO_BESIDE_SPILL_STAYS")
        self.spills_signed_imm = does("SPILLED_IMMEDIATE_SIGN_EXTENDED")
        self.links_on_fill = does("FILL_LINKS_SCALARS")
        self.links_on_spill = does("SPILL_LINKS_SCALARS")
        self.stack_access_in_history = does("STACK_ACCESS_IN_HISTORY")
        self.keeps_spilled_zero = does("SPILLED_ZERO_READ_AS_ZERO")
        self.fills_narrower = does("NARROW_FILL_OF_WIDE_SPILL")
        self.reads_uninitialized = does("UNINITIALIZED_STACK_READABLE")
        self.zero_fill_is_precise = not self.stack_access_in_history
