"""Reads, checks, compiles and watches routes.yaml."""
