"""What real kernels said about the examples, and the tests that compare with it."""
