"""HTTP/1.1 on the wire, for both sides of the gateway."""
