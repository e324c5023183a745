"""The control side of a running gateway: who may flip, and the routes by which commands do it."""
