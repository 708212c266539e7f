"""The tools, as far as they can be tested without another kernel."""
