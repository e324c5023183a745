"""Custody: the keys of what the shadow stores, legal holds, and the audit trail."""
