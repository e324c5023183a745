"""Reads formats other than JSON as trees (bytes → Tree), one format a file, so that the comparator only knows trees."""
