"""Whoever places the calls: the seam, its loader, and the built-in carriers."""
