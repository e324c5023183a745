"""Figway's gateway: it matches, admits, decides and forwards requests, and has an admin port and a command line."""
