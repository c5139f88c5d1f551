"""The blinded reading study."""
