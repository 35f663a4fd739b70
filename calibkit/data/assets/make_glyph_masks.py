"""Draw the glyph masks of Glyphs-100 from the fonts that matplotlib ships.

``python calibkit/data/assets/make_glyph_masks.py`` was run once. It can be run from any folder, and
writes ``glyph_masks.npz`` into its own folder. The file holds one mask per font for each of the
100 classes, and for each of the symbols that belong to no class. A mask has 32 x 32 pixels (uint8,
0 to 255).
"""

from pathlib import Path

import matplotlib
import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

CLASSES = (
    "0123456789"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abdefghijkmnqrtuyæ"  # lower-case letters that look like small capitals are left out
    "ΓΔΘΛΞΠΣΦΨΩ"
    "αβγδεζηθλμξπρστφχψω"
    "!?&@#$%+=§£€¥∞∇∫√"
)
OUT_OF_CLASS = "БДЖИЙЛЦЧШЩЪЫЭЮЯ←→↑↓∀∃∈⊂∪≈≠≤◊¶"
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
)
SIZE = 32
FONT_SIZE = 24


def draw_mask(glyph: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """Draw a glyph in white on black, with the centre of its ink at the centre of the image."""
    left, top, right, bottom = font.getbbox(glyph)
    corner = ((SIZE - left - right) / 2, (SIZE - top - bottom) / 2)
    image = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(image).text(corner, glyph, fill=255, font=font)
    return np.asarray(image)


def draw_masks(glyphs: str, folder: Path) -> np.ndarray:
    """Draw every glyph in every font, as masks of shape (len(glyphs), len(FONTS), 32, 32)."""
    masks = np.zeros((len(glyphs), len(FONTS), SIZE, SIZE), np.uint8)
    for font_index, name in enumerate(FONTS):
        path = folder / f"{name}.ttf"
        covered = TTFont(path).getBestCmap()
        missing = [glyph for glyph in glyphs if ord(glyph) not in covered]
        if missing:
            raise ValueError(f"{name} lacks {''.join(missing)!r}; choose other glyphs or fonts")
        font = ImageFont.truetype(path, FONT_SIZE)
        for glyph_index, glyph in enumerate(glyphs):
            masks[glyph_index, font_index] = draw_mask(glyph, font)
    return masks


def main() -> None:
    """Draw the glyphs of all classes and the glyphs of no class, and write their masks."""
    assert len(set(CLASSES)) == len(CLASSES) == 100
    assert not set(CLASSES) & set(OUT_OF_CLASS)
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    class_masks, out_of_class_masks = draw_masks(CLASSES, folder), draw_masks(OUT_OF_CLASS, folder)
    drawn = {mask.tobytes() for masks in class_masks for mask in masks}
    assert not any(mask.tobytes() in drawn for masks in out_of_class_masks for mask in masks)
    target = Path(__file__).with_name("glyph_masks.npz")
    np.savez_compressed(
        target,
        classes=np.array(list(CLASSES)),
        class_masks=class_masks,
        out_of_class=np.array(list(OUT_OF_CLASS)),
        out_of_class_masks=out_of_class_masks,
    )
    print(f"{target.name}: {target.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
