"""What a store keeps, as values."""
