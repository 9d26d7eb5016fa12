"""Fashion-MNIST: 70,000 photographs of garments, 28 x 28 pixels, gray, ten classes (Xiao et al. 2017, arXiv:1708.07747)."""
