"""The HTTP/1.1 client: connections, pools, timeouts, health."""
