#!/usr/bin/env python3
"""Makes opticks.txt out of the copy of Newton's Opticks that the Go distribution holds.

    excerpt.py "$(go env GOROOT)/src/testdata/Isaac.Newton-Opticks.txt" opticks.txt

Takes the Queries, from the first to the end of the book; puts each paragraph on a line of its own; drops the
underscores that mark italics and the editor's side notes and figure captions in brackets.
"""
import re
import sys

source, target = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    text = file.read()
text = text[text.index("_Query_ 1. ") :]
text = re.sub(r"\[(Sidenote|Illustration): [^]]*\]", "", text).replace("_", "")
paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
with open(target, "w", encoding="utf-8", newline="\n") as file:
    file.write("\n\n".join(filter(None, paragraphs)) + "\n")
