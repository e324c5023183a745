"""Edges: the listeners at which the requests of clients come in, one for each protocol."""
