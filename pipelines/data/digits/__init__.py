"""MNIST: 70,000 handwritten digits, 28 x 28 pixels, gray (LeCun et al. 1998)."""
