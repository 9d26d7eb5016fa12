"""`pixels`: portraits of 16 x 16 pixels whose parts and colours are known, put together from the drawings of DiceBear's style Pixel Art.

Of 1,000 pictures from these parts no pixel is more than one grey level from the original drawing, in which every layer is rounded.
"""
