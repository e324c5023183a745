"""Normalisers, one file each: they remove expected variation from values before these are compared."""
