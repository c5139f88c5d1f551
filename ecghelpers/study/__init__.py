"""The blinded reading study: ratings kept and checked (reading_study), and their results."""
