"""Bytes as an attacker would choose them: what reads them must neither break nor read them in two ways."""
