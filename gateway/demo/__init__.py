"""The demo: a small clinic's two services, and clients that use them through the gateway."""
