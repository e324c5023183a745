"""Every test of Figway."""
