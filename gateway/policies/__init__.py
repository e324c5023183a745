"""The policies, one in each file. A policy admits a call or refuses it."""
