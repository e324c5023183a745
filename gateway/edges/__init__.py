"""Listeners: the wire on the downstream side."""
