"""What the families that draw tokens share: how the next one is chosen, the loop over them, their pictures on the way."""
