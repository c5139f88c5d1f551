"""Faster convolutions through the FFT, and a fused pass through the residual blocks."""
