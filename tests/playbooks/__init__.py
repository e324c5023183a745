"""One page a behaviour, which reads as a script: what comes in, and what goes out."""
