"""Flips: where the stages of capabilities come from, and how they change."""
