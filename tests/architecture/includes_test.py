"""Holds every #include "..." of the code to the table of folders in docs/architecture.md. Needs no build.

    python3 tests/architecture/includes_test.py
"""

import graphlib
import re
import sys
import unittest
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TABLE = "docs/architecture.md"
HEADER = "| folder | holds | may include |"
INCLUDE = re.compile(r'\s*#\s*include\s+(?:"([^"]+)"|<(azimuth/[^>]+)>)')
GENERATED = re.compile(r"azimuth/v1/(\w+?)(?:\.grpc)?\.pb\.h")


class Include(NamedTuple):
    file: str
    line: int
    header: str


def table():
    """By folder: those that the document says it may include."""
    lines = (ROOT / TABLE).read_text().splitlines()
    allowed = {}
    for line in lines[lines.index(HEADER) + 2:]:
        if not line.startswith("|"):
            break
        folder, _, others = (cell.strip() for cell in line.strip("|").split("|"))
        allowed[folder.strip("`")] = set(re.findall(r"`([^`]+)`", others))
    return allowed


def code():
    """Sources and headers of every top-level folder that CMake builds, but for the tests."""
    for top in sorted(path.parent for path in ROOT.glob("*/CMakeLists.txt")):
        if top.name != "tests":
            yield from (str(path.relative_to(ROOT)) for path in sorted(top.rglob("*")) if path.suffix in (".h", ".cpp"))


def folder_of(file):
    """monitor/model of monitor/model/kernels.h, and of monitor/model/include/azimuth/roles.h."""
    return re.sub(r"/include/azimuth$", "", str(PurePosixPath(file).parent))


def includes_in(file):
    for number, line in enumerate((ROOT / file).read_text().splitlines(), 1):
        if found := INCLUDE.match(line):
            yield Include(file, number, found[1] or found[2])


class Headers:
    def __init__(self, files):
        self.files = set(files)
        self.public = {}
        for file in files:
            if found := re.search(r"/include/(azimuth/.*)", file):
                self.public.setdefault(found[1], []).append(file)

    def folders(self, include):
        """Those that a header may be meant of: one, unless something is wrong."""
        if generated := GENERATED.fullmatch(include.header):
            return {"proto"} if (ROOT / f"proto/azimuth/v1/{generated[1]}.proto").exists() else set()
        if include.header in self.public:
            return {folder_of(file) for file in self.public[include.header]}
        # A private one is named from its library's root, which lies above who includes it; a generated one lies where
        # what it is made from does.
        for above in PurePosixPath(include.file).parents:
            if str(above / include.header) in self.files or (
                    include.header.endswith(".pb.h") and (ROOT / above / include.header.replace(".pb.h", ".proto")).exists()):
                return {folder_of(above / include.header)}
        # Benchmarks and examples also name those of the examples, and benchmarks the library's by their path.
        return {folder_of(file) for file in self.files if file.endswith("/" + include.header)
                and (file.startswith("examples/") or "/" in include.header)}


class Includes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.allowed = table()
        cls.files = list(code())
        headers = Headers(cls.files)
        cls.unresolved, cls.arrows = [], {}
        for include in (include for file in cls.files for include in includes_in(file)):
            folders = headers.folders(include)
            if len(folders) == 1:
                arrow = folder_of(include.file), *folders
                if arrow[0] != arrow[1]:
                    cls.arrows.setdefault(arrow, []).append(include)
            else:
                cls.unresolved.append(f"{include.file}:{include.line}: \"{include.header}\" lies in "
                                      + (" and in ".join(sorted(folders)) or "no folder"))

    def expect_none(self, complaints):
        if complaints:
            self.fail("\n" + "\n".join(complaints))

    def test_each_header_is_found(self):
        self.assertGreater(len(self.files), 200)
        self.expect_none(self.unresolved)

    def test_each_folder_is_in_the_table_and_there(self):
        folders = {folder_of(file) for file in self.files}
        self.expect_none([f"{folder}: is missing in the table of {TABLE}" for folder in sorted(folders - set(self.allowed))]
                         + [f"{folder}: is in the table of {TABLE}, but holds no code"
                            for folder in sorted(set(self.allowed) - folders)])

    def test_what_is_included_may_be(self):
        self.expect_none([f"{i.file}:{i.line}: includes \"{i.header}\": {source} -> {target} is no arrow of {TABLE}"
                          for (source, target), includes in sorted(self.arrows.items())
                          if target not in self.allowed.get(source, set()) for i in includes])

    def test_what_may_be_included_is(self):
        self.expect_none([f"{source} -> {target}: {TABLE} allows it, and no file uses it"
                          for source, targets in self.allowed.items() for target in sorted(targets)
                          if (source, target) not in self.arrows])

    def test_there_is_no_circle(self):
        try:
            graphlib.TopologicalSorter(self.allowed).prepare()
        except graphlib.CycleError as error:
            self.fail(f"{TABLE} has a circle: " + " -> ".join(reversed(error.args[1])))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
