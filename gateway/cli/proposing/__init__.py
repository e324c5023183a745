"""Proposes a routes.yaml, from what clients ask and from what services say of themselves."""
