"""What the sets of small gray photographs share: files as MNIST's are written, a class for each picture, and a classifier as judge."""
