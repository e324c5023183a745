"""Normalisers, one file each: they take expected variation off values before these are compared."""
