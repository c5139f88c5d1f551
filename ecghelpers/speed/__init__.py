"""The same numbers faster: convolutions through the FFT, blocks without copies."""
