"""Real servers and clients on loopback, for the tests."""
