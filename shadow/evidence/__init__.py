"""What comparisons prove: strata, epochs, noise, and the statistical gate."""
