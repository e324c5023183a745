"""Tests of the journal: its verifier, what is recorded, and the commands that show it."""
