"""What the whole gateway does, through real sockets."""
