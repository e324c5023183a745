"""Logs, metrics and trace context; nothing here may hold PHI."""
