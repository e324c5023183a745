"""`make siege`: attacks on a gateway beside a client that behaves well, which must not notice. All on loopback."""
