"""The HTTP/1.1 listener: connections, TLS, tunnels, and what keeps it up under load."""
