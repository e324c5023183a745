"""One policy a file: each admits or refuses a call."""
