"""Tests of the package gateway, one file a module."""
