"""Types of kernels and programs: BTF parsed lazily, looked up by name, laid out, walked, tagged, told as C."""
