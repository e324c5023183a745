"""Tests of gateway/flips."""
