#!/usr/bin/env python3
"""Shows that the machine code of an order's path neither retains, releases, allocates nor checks exclusivity.

    hot-symbols.py TIMESALED

Walks the direct calls of a release build from the event loop of a shard to every function below it, except for those
that symbols.txt declares cold, and looks at each call that leaves the program: it has to be on the list of what is
allowed. Calls through a pointer (a closure, an existential, a class method) are offences too. Instructions from
which every way ends in a trap do not count: what a failing precondition destroys is on no order's path.

Prints each offence as `caller -> callee at address` and the way from the root; exits with 0 if there is none, 1 if
there is, or if the list and the program do not fit each other.

Reads x86-64, as objdump prints it.
"""

import bisect
import collections
import os
import re
import subprocess
import sys

SYMBOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "symbols.txt")
SECTIONS = ["root", "hot", "cold", "never returns", "allowed", "control"]

# Words that the demangler puts in front of a function that the compiler made from another one.
VARIANT = re.compile(r"^(specialized|merged|generic specialization <.*> of|partial apply forwarder for) ")

FUNCTION = re.compile(r"^([0-9a-f]+) <(.*)>:$")
INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t([^#]*)(?:# [0-9a-f]+ <(.*)>)?")
DIRECT = re.compile(r"^([0-9a-f]+) <([^>]*)>")

Instruction = collections.namedtuple("Instruction", "address name operand target symbol")
Call = collections.namedtuple("Call", "address target symbol")
Function = collections.namedtuple("Function", "name calls")


class Mismatch(Exception):
    """The list and the program do not fit each other."""


def output(arguments, text=None):
    return subprocess.run(arguments, input=text, capture_output=True, text=True, check=True).stdout


def demangle(names):
    lines = "".join(name + "\n" for name in names)
    plain = output(["swift", "demangle", "--compact", "--simplified"], lines).splitlines()
    if len(plain) != len(names):
        raise Mismatch("the demangler's answer has another number of lines")
    return plain


def read_list(path):
    """The sections of symbols.txt, each a list of lines."""
    sections = {name: [] for name in SECTIONS}
    section = None
    with open(path) as file:
        for line in file:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("["):
                section = sections[line.strip("[]")]
            else:
                section.append(line)
    return sections


# The length of a copy that is known when the program is built, and the largest one that is no whole struct.
COPY_SIZE = re.compile(r"\$0x([0-9a-f]+),%[er]dx$")
COPY_BYTES_MAX = 176


class Program:
    """The functions of an executable, with the calls that can be followed by a return."""

    def __init__(self, path, never_return):
        self.names = {}
        # Where each name is; one place may have several names, and one name several places.
        self.places = collections.defaultdict(set)
        self.never_return = never_return
        ends = self.read_symbols(path)
        listing = self.read_instructions(path)
        addresses = [instruction.address for instruction in listing]
        starts = self.find_starts(listing, ends)
        self.functions = {}
        for start, end in zip(starts, starts[1:] + [1 << 64]):
            body = listing[bisect.bisect_left(addresses, start) : bisect.bisect_left(addresses, end)]
            if body:
                self.functions[start] = self.examine(start, body)

    def read_symbols(self, path):
        """Names the functions; answers where each named one ends."""
        symbols = []
        ends = {}
        for line in output(["nm", "-S", "--defined-only", path]).splitlines():
            fields = line.split()
            if len(fields) == 4 and fields[2] in "tTwWuV":
                address = int(fields[0], 16)
                symbols.append((address, fields[3]))
                ends[address] = max(ends.get(address, 0), address + int(fields[1], 16))
        for (address, _), name in zip(symbols, demangle([mangled for _, mangled in symbols])):
            while VARIANT.match(name):
                name = VARIANT.sub("", name)
            self.names.setdefault(address, name)
            self.places[name].add(address)
        return ends

    def read_instructions(self, path):
        listing = []
        for line in output(["objdump", "-d", "--no-show-raw-insn", path]).splitlines():
            match = INSTRUCTION.match(line)
            if not match:
                continue
            words = match[2].split(None, 1)
            while words and words[0] in ("bnd", "notrack", "lock", "rep", "repz", "data16", "cs") and len(words) > 1:
                words = words[1].split(None, 1)
            if not words:
                continue
            name, operand = words[0], words[1].strip() if len(words) > 1 else ""
            target = symbol = None
            if name.startswith("call") or name.startswith("j"):
                direct = DIRECT.match(operand)
                if direct:
                    target, symbol = int(direct[1], 16), direct[2]
                elif match[3]:
                    symbol = match[3]
            listing.append(Instruction(int(match[1], 16), name, operand, target, symbol))
        if len(listing) < 1000:
            raise Mismatch("objdump shows no code")
        return listing

    def find_starts(self, listing, ends):
        """Where functions begin. Private ones have no symbol: they begin where something calls them, or right
        behind the end of a named one."""
        starts = set(self.names)
        begins = sorted(ends)
        for instruction in listing:
            target = instruction.target
            if target is None or instruction.symbol.endswith("@plt"):
                continue
            if instruction.name.startswith("call"):
                starts.add(target)
                continue
            # A jump out of the named function that it stands in.
            index = bisect.bisect_right(begins, instruction.address) - 1
            if index >= 0 and not begins[index] <= target < ends[begins[index]]:
                if instruction.address < ends[begins[index]]:
                    starts.add(target)
        addresses = [instruction.address for instruction in listing]
        for start, end in ends.items():
            index = bisect.bisect_left(addresses, end)
            if start < end and index < len(addresses):
                starts.add(addresses[index])
        return sorted(starts)

    def callee(self, instruction):
        """The name of what an instruction calls or jumps to outside of its function."""
        if instruction.symbol and "@" in instruction.symbol:
            return instruction.symbol.split("@")[0]
        if instruction.target in self.names:
            return self.names[instruction.target]
        if instruction.target is not None:
            return "function at 0x%x" % instruction.target
        return "a pointer (%s)" % (instruction.symbol or instruction.operand)

    def examine(self, start, body):
        """The calls of one function from which a return can be reached: a walk backwards from its ends."""
        index_of = {instruction.address: index for index, instruction in enumerate(body)}
        before = collections.defaultdict(list)
        ends = []
        calls = []
        for index, instruction in enumerate(body):
            name = instruction.name
            falls_through = True
            if name.startswith("ret"):
                ends.append(index)
                falls_through = False
            elif name.startswith("ud") or name == "hlt":
                falls_through = False
            elif name.startswith("call"):
                calls.append(index)
                falls_through = self.callee(instruction) not in self.never_return
            elif name.startswith("j"):
                falls_through = not name.startswith("jmp")
                if instruction.target in index_of:
                    before[index_of[instruction.target]].append(index)
                elif name.startswith("jmp") and self.is_table(body, index):
                    ends.append(index)
                else:
                    calls.append(index)
                    if self.callee(instruction) not in self.never_return:
                        ends.append(index)
            if falls_through:
                if index + 1 < len(body):
                    before[index + 1].append(index)
        alive = set()
        stack = ends
        while stack:
            index = stack.pop()
            if index not in alive:
                alive.add(index)
                stack.extend(before[index])
        found = [
            Call(body[index].address, body[index].target, self.callee(body[index]) + self.copy_size(body, index))
            for index in calls
            if index in alive
        ]
        return Function(self.names.get(start, "function at 0x%x" % start), found)

    def copy_size(self, body, index):
        """What makes the copy of a whole struct an offence of its own: entries, results and records are small,
        and frames have no size that is known when the program is built."""
        if self.callee(body[index]) not in ("memcpy", "memmove"):
            return ""
        for instruction in reversed(body[max(0, index - 6) : index]):
            size = COPY_SIZE.match(instruction.operand)
            if instruction.name.startswith("mov") and size:
                return " of %d bytes" % int(size[1], 16) if int(size[1], 16) > COPY_BYTES_MAX else ""
        return ""

    @staticmethod
    def is_table(body, index):
        """Whether an indirect jump is that of a switch: its register is the sum of a table's address and an entry."""
        register = body[index].operand.lstrip("*")
        for instruction in reversed(body[max(0, index - 8) : index]):
            if instruction.operand.endswith("," + register):
                return instruction.name.startswith("add")
        return False


def walk(program, roots, cold, allowed):
    """What is reached from the roots: the function each was first called from, and the offences."""
    stop = {place for name in cold | program.never_return for place in program.places.get(name, ())}
    reached = {place: None for root in roots for place in program.places[root]}
    stack = list(reached)
    offences = []
    while stack:
        start = stack.pop()
        for call in program.functions[start].calls:
            if call.target in program.functions:
                if call.target not in stop and call.target not in reached:
                    reached[call.target] = start
                    stack.append(call.target)
            elif call.symbol not in allowed and call.symbol not in program.never_return:
                offences.append((start, call))
    return reached, offences


def report(program, reached, offences):
    for (start, call), callee in zip(offences, demangle([call.symbol for _, call in offences])):
        print("hot-symbols: %s -> %s at 0x%x" % (program.functions[start].name, callee, call.address))
        way = []
        while start is not None:
            way.append(program.functions[start].name)
            start = reached[start]
        print("hot-symbols:     by way of %s" % " < ".join(way))


def check_controls(program, lines, allowed):
    """Walks that have to find what is known to be there: a check that cannot fail guards nothing."""
    for line in lines:
        root, expected = line.split(" -> ")
        if root not in program.places:
            raise Mismatch("the control %s is not in the program" % root)
        _, offences = walk(program, [root], set(), allowed)
        if expected not in {call.symbol for _, call in offences}:
            raise Mismatch("the walk from %s does not find %s: it would not find it anywhere" % (root, expected))


def check(path):
    sections = read_list(SYMBOLS)
    program = Program(path, set(sections["never returns"]))
    allowed = set(sections["allowed"])
    absent = [name for name in sections["root"] + sections["cold"] if name not in program.places]
    if absent:
        raise Mismatch("not in the program, though symbols.txt names them: %s" % ", ".join(absent))
    check_controls(program, sections["control"], allowed)
    reached, offences = walk(program, sections["root"], set(sections["cold"]), allowed)
    unreached = [name for name in sections["hot"] if not program.places.get(name, set()) & reached.keys()]
    if unreached:
        raise Mismatch("not reached from the root, though symbols.txt calls them hot: %s" % ", ".join(unreached))
    if offences:
        report(program, reached, offences)
        print("hot-symbols: FAILED: %d calls on the path of an order" % len(offences))
        return 1
    print(
        "hot-symbols: %d functions below %s: no retain, release, allocation or exclusivity check; "
        "%d controls found theirs" % (len(reached), ", ".join(sections["root"]), len(sections["control"]))
    )
    return 0


def main():
    if len(sys.argv) != 2:
        print("hot-symbols.py TIMESALED", file=sys.stderr)
        return 64
    machine = output(["uname", "-m"]).strip()
    if machine != "x86_64":
        print("hot-symbols: SKIPPED: it reads the machine code of x86-64, this is %s" % machine)
        return 0
    try:
        return check(sys.argv[1])
    except Mismatch as mismatch:
        print("hot-symbols: FAILED: %s" % mismatch)
        return 1


sys.exit(main())
