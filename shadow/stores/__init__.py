"""Stores: they remember what was compared, and what that proves."""
