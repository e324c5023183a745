"""Figway's gateway: listen, match, admit, decide, forward; and the control side."""
