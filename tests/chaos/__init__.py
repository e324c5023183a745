"""Chaos: faults of the store, custody, the disk, upstreams and workers under load, and what they cost."""
