"""`faces`: portraits whose parts and colours are known, put together from the drawings of DiceBear's style Toon Head (`LICENSE`).

Of 1,000 pictures from these parts the average is 0.26 grey levels from the original drawing with a side of 32 pixels and 0.11 with 64, the
worst 0.50 and 0.16.
"""
