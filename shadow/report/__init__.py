"""What the shadow knows of a capability, and the verdict on it."""
