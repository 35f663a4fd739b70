"""Stores the figures of the site once, as WebP, without losing a pixel.

sphinx-gallery writes each figure as PNG in two sizes. A page needs the large one only: the width
and the height in its tag make a browser show it in the small size, sharp on every screen, and
leave room for it before it is there.
"""

import re
from pathlib import Path

from PIL import Image

IMAGE = re.compile(r'<img[^>]* src="[^"]*"[^>]*>')
TWICE = "_2_00x"
FIGURE = re.compile(r"(.*/)?_images/([^/]+)\.png")


def webp(picture: bytes | Path, target) -> None:
    """Write a picture as WebP, with the same pixels."""
    with Image.open(picture) as image:
        image.save(target, "webp", lossless=True, quality=60, method=4)


def attribute(tag: str, name: str) -> str | None:
    """Return an attribute of a tag."""
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return found[1] if found else None


def light_tag(site: Path, tag: str) -> str:
    """Return the tag of a figure, which shows its WebP in the size that it had."""
    found = FIGURE.fullmatch(attribute(tag, "src"))
    if not found:
        return tag
    folder, name = f"{found[1] or ''}_images/", found[2]
    shown = site / "_images" / f"{name}.png"
    twice = shown.with_name(f"{name}{TWICE}.png")
    source = twice if twice.exists() else shown
    target = source.with_suffix(".webp")
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        webp(source, target)
    tag = re.sub(r'\s+srcset="[^"]*"', "", tag)
    tag = tag.replace(f'src="{folder}{name}.png"', f'src="{folder}{target.name}"')
    if attribute(tag, "width") or attribute(tag, "style"):
        return tag
    with Image.open(shown) as image:
        return tag.replace("<img", f'<img width="{image.width}" height="{image.height}"', 1)


def light_page(site: Path, page: str) -> str:
    """Return a page with light figures. All but the first wait until the reader comes near."""
    n_figures = 0

    def light(match: re.Match[str]) -> str:
        nonlocal n_figures
        n_figures += 1
        tag = light_tag(site, match[0])
        if n_figures == 1 or attribute(tag, "loading"):
            return tag
        return tag.replace("<img", '<img loading="lazy"', 1)

    return IMAGE.sub(light, page)


def with_light_pictures(site: Path, pages: dict[Path, str]) -> dict[Path, str]:
    """Return the pages with light figures, and delete the pictures that no page names any more."""
    pages = {path: light_page(site, page) for path, page in pages.items()}
    named = {name for page in pages.values() for name in re.findall(r"_images/([^\"'\s]+)", page)}
    for picture in (site / "_images").iterdir():
        if picture.suffix == ".png" and picture.name not in named:
            picture.unlink()
    return pages
