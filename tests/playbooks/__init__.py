"""Playbooks: state machines driven by scripts of what comes in, and held to what goes out."""
