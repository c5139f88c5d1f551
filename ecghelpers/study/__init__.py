"""The blinded reading study: settings, ratings kept and checked (reading_study), results."""
