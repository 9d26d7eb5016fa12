"""Pictures of a data set on one sheet, each above its caption."""
from __future__ import annotations

import math
from pathlib import Path

from PIL import Image

from app.grids.lettering import wrapped
from app.whole import replacing
from pipelines.data.contract import DataSet

COUNT, ACROSS = 32, 8
SIDE, GAP, LETTERS = 128, 8, 12    # pixels
LONGEST = 120                      # characters of a caption that are shown


def contact_sheet(data: DataSet, out: Path) -> int:
    """Write a PNG with the first pictures of training; how many. Raises DataSetError and UserError."""
    known = data.splits["train"]
    count = COUNT if known is None else min(COUNT, known)
    items = [data.item("train", 0, k, None) for k in range(count)]
    scale = max(1, SIDE // data.size)
    side = scale * data.size
    blocks = [wrapped(item.caption if len(item.caption) <= LONGEST else item.caption[:LONGEST - 1] + "…", LETTERS, side) for item in items]
    height = side + GAP + max(block.height for block in blocks)
    across, rows = min(ACROSS, count), math.ceil(count / ACROSS)
    sheet = Image.new("RGB", (GAP + across * (side + GAP), GAP + rows * (height + GAP)), "white")
    for k, (item, block) in enumerate(zip(items, blocks, strict=True)):
        x, y = GAP + k % ACROSS * (side + GAP), GAP + k // ACROSS * (height + GAP)
        picture = Image.fromarray(data.picture(item, data.size))
        sheet.paste(picture.resize((side, side), Image.Resampling.NEAREST), (x, y))
        block.draw(sheet, x, y + side + GAP // 2, "black")
    with replacing(out) as draft:
        sheet.save(draft, "png")
    return count
