"""Tests of the package adapters, one file a module."""
