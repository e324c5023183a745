"""Trials of the whole way from two answers to a verdict: known defects, seeded into a noisy service."""
