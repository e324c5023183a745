"""Tests of the package shadow, one file a module."""
