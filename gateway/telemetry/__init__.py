"""Logs, metrics and trace context. Nothing here may hold PHI (protected health information)."""
