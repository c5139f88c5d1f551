"""Records from every source to one medians.h5."""
