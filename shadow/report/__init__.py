"""The report: everything that the shadow knows of a capability, with the verdict on it, as one value."""
