#!/usr/bin/env python3
"""Lists the Open Clip Art pictures that go into configs/data/openclipart, one JSON object a line.

Usage: openclipart_metadata.py OPENCLIPART_FOLDER > list.jsonl

OPENCLIPART_FOLDER holds svg/ and png/ as Debian's packages openclipart-svg and openclipart-png install them. A picture is taken when
its SVG carries the public-domain tag, its PNG is large enough and its title, description and keywords make a text of several words.
Same folder, same lines. Standard library only.
"""

import collections
import hashlib
import json
import re
import struct
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

PUBLIC_DOMAIN = {"http://web.resource.org/cc/PublicDomain", "http://creativecommons.org/licenses/publicdomain/"}
LEFT_OUT_CATEGORIES = {"unsorted", "logos", "buttons"}
LEFT_OUT_FOLDERS = ("special/gradients", "computer/icons/flat-theme", "computer/icons/lemon-theme", "computer/icons/etiquette-theme")
LEFT_OUT_WORDS = re.compile(r"\b(nude|naked|sex\w*|erotic|nazi|swastika|porn\w*|politician|president|celebrity|portrait|fan ?art|coke|logos?|mascott?)\b", re.I)

PICTURE_COUNT = 2650
MIN_LONGEST_SIDE = 96        # pixels; smaller ones would be enlarged
MAX_LONGEST_SIDE = 9000      # the importer refuses pictures of more than 100 million pixels
MAX_ASPECT = 2.5             # longer strips leave little to see in a square
MIN_WORDS = 3                # distinct words of a text
MAX_PER_SERIES = 5           # ladybug_01, ladybug_02, ... are one product
MAX_PER_TEXT = 3
MAX_PER_SUBCATEGORY = 200
MAX_PER_FOLDER_OF_SERIES = 40  # stars, playing cards: hundreds that differ in a number
MAX_TEXT_LENGTH = 300
SHARED_TITLE_COUNT = 4       # a title of that many pictures names a collection, not a picture

SUITS = {"c": "clubs", "d": "diamonds", "h": "hearts", "s": "spades"}
RANKS = {"a": "ace", "j": "jack", "q": "queen", "k": "king", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six",
         "7": "seven", "8": "eight", "9": "nine", "10": "ten"}


def local_name(element):
    return element.tag.rsplit("}", 1)[-1].lower()


def words(text):
    return re.findall(r"[^\W\d_]{2,}", text.lower())


def read_work(path):
    """Title, description, keywords, creator and licences of an SVG's metadata; None when it has none."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError:
        return None
    work = next((e for e in root.iter() if e.tag.endswith("}Work")), None)
    if work is None:
        return None

    def text_of(name):
        return " ".join(" ".join((e.text or "").split()) for e in work if local_name(e) == name).strip()

    return {
        "title": text_of("title"),
        "description": text_of("description"),
        "keywords": [" ".join((e.text or "").split()) for e in work.iter() if e.tag.endswith("}li")],
        "people": set(words(" ".join(
            t.text or "" for e in work if local_name(e) in ("creator", "publisher", "rights") for t in e.iter() if local_name(t) == "title"))),
        "whole": not any(refers_elsewhere(e) for e in root.iter() if local_name(e) == "image"),
        "licences": {v for e in work.iter() if local_name(e) == "license" for v in e.attrib.values()},
    }


def refers_elsewhere(image):
    """Whether an <image> shows another file, which the collection may lack: such a drawing has a 'linked image not found' sign."""
    return any(local == "href" and not value.startswith(("data:", "#")) for local, value in ((k.rsplit("}", 1)[-1], v) for k, v in image.attrib.items()))


def split_camel_case(text):
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text)


def png_size(path):
    with path.open("rb") as file:
        head = file.read(24)
    return struct.unpack(">II", head[16:24]) if head[:8] == b"\x89PNG\r\n\x1a\n" else (0, 0)


def stem_words(stem, people):
    """The words of a file name, without the author's name and numbers that many end in."""
    parts = [p for p in re.split(r"[\W_\d]+", split_camel_case(stem)) if len(p) > 1 and p != "aiga"]
    # File names cut authors' names short, so a beginning of one counts as one.
    return " ".join(p for p in parts if not any(name.startswith(p.lower()) for name in people))


def card_title(stem):
    match = re.fullmatch(r"(\w+)_([cdhs])_(\w+)", stem)
    if match and match[3] in RANKS:
        return f"{RANKS[match[3]]} of {SUITS[match[2]]}, {match[1]} playing card"
    return None


def clean_title(work, stem, shared):
    title = work["title"]
    if "/cards/" in work["path"] and (card := card_title(stem)):
        return card
    if shared or re.match(r"(?i)clipart by", title) or re.search(r"(?i)collection|theme|icon-?set|submission|various|\d{4}\)", title):
        return stem_words(stem, work["people"])
    title = re.sub(r"[_\s]+", " ", title).strip(" .-")
    if set(words(title)) & work["people"] or re.search(r"[@/\\]|\.svg", title):
        return stem_words(stem, work["people"])
    return re.sub(r"(?<=[a-z])[ #]?\d+$", "", split_camel_case(title))


def clean_description(work, title, shared):
    description = work["description"].strip(" .")
    if (shared or len(description) > MAX_TEXT_LENGTH or description.lower() == title.lower()
            or re.search(r"(?i)@|http|www\.|contact|public domain|inkscape|sodipodi|\bsvg\b|copyright|license|drawn by|made by|created by|\bmy\b|\bI\b", description)
            or set(words(description)) & work["people"]):
        return ""
    return description


def clean_keywords(work, title):
    kept = set()
    for keyword in work["keywords"] + work["path"].split("/")[:2][:work["path"].count("/")]:
        keyword = keyword.lower().replace("_", " ").strip(" .,#")
        if (len(keyword) > 2 and re.fullmatch(r"[^\W\d]+([ '-][^\W\d]+){0,2}", keyword) and keyword not in {"hash", "theme", "unsorted", "special", "svg", "clipart", "clip art"}
                and not set(words(keyword)) & work["people"] and keyword != title.lower()):
            kept.add(keyword)
    return sorted(k for k in kept if k.removesuffix("s") == k or k.removesuffix("s") not in kept)


def load(root):
    svg, png = root / "svg", root / "png"
    works = []
    for path in sorted(svg.rglob("*.svg")):
        relative = path.relative_to(svg)
        picture = png / relative.with_suffix(".png")
        # The packages link identical pictures to one another: only the originals are taken.
        if path.is_symlink() or picture.is_symlink() or not picture.is_file():
            continue
        work = read_work(path)
        if work and work["whole"] and work["licences"] and work["licences"] <= PUBLIC_DOMAIN:
            works.append(work | {"path": relative.with_suffix(".png").as_posix(), "size": png_size(picture)})
    return works


def describe(works):
    titles = collections.Counter(w["title"] for w in works)
    descriptions = collections.Counter(w["description"] for w in works)
    for work in works:
        parts = work["path"].split("/")
        longest, shortest = max(work["size"]), min(work["size"])
        if (parts[0] in LEFT_OUT_CATEGORIES or work["path"].startswith(LEFT_OUT_FOLDERS) or len(parts) < 2
                or not MIN_LONGEST_SIDE <= longest <= MAX_LONGEST_SIDE or longest > MAX_ASPECT * shortest):
            continue
        stem = parts[-1].removesuffix(".png")
        title = clean_title(work, stem, titles[work["title"]] >= SHARED_TITLE_COUNT)
        description = clean_description(work, title, descriptions[work["description"]] >= SHARED_TITLE_COUNT)
        text = ". ".join(p for p in (title, description, " ".join(clean_keywords(work, title))) if p)
        if not words(title) or len(set(words(text))) < MIN_WORDS or len(text) > MAX_TEXT_LENGTH or LEFT_OUT_WORDS.search(text):
            continue
        series = re.sub(r"[\W_\d]+$", "", "/".join(parts[:-1]) + "/" + re.sub(r"\d+", "#", stem).rstrip("#_")) or stem
        yield {
            "image": work["path"],
            "text": text,
            "product_id": series,
            "category": parts[0].replace("_", " "),
            "subcategory": parts[1].replace("_", " ") if len(parts) > 2 else "other",
        }


def choose(rows):
    """Caps series, equal texts and sub-categories, taking pictures in the order of a hash of their paths."""
    counts = collections.Counter()
    chosen = []
    for row in sorted(rows, key=lambda r: hashlib.sha256(r["image"].encode()).digest()):
        folder = row["image"].rsplit("/", 1)[0]
        caps = {
            ("series", row["product_id"]): MAX_PER_SERIES,
            ("text", row["text"]): MAX_PER_TEXT,
            ("subcategory", row["category"], row["subcategory"]): MAX_PER_SUBCATEGORY,
        }
        if folder.startswith(("shapes/stars", "recreation/games/cards", "shapes/jigsaw")):
            caps["folder", folder.split("/")[1]] = MAX_PER_FOLDER_OF_SERIES
        if all(counts[key] < cap for key, cap in caps.items()):
            counts.update(caps.keys())
            chosen.append(row)
        if len(chosen) == PICTURE_COUNT:
            break
    return sorted(chosen, key=lambda r: r["image"])


def main():
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "svg").is_dir():
        sys.exit("usage: openclipart_metadata.py OPENCLIPART_FOLDER (the folder with svg/ and png/)")
    for row in choose(list(describe(load(Path(sys.argv[1]))))):
        print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
