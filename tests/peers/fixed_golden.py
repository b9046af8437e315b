"""Golden casts of fixed-point types, by an implementation that shares nothing with nibble's: exact fractions, and every
rounding mode written as its definition ("the nearest code; of two that are as near, the even one").

    fixed_golden.py FOLDER            write fixed_casts.txt and fixed_floats.txt there
    fixed_golden.py --check FOLDER    make the numbers again and compare

fixed_casts.txt: a line is TYPE FRACTION FIRST COUNT DIGEST: the codes of FIRST * 2^-FRACTION, (FIRST + 1) * 2^-FRACTION, ...
are, as 64-bit little-endian integers one after the other, hashed with 64-bit FNV-1a into DIGEST.
fixed_floats.txt: a line is TYPE X CODE, X a float in hexadecimal.
"""
import math
import os
import random
import struct
import sys
from fractions import Fraction

ROUNDINGS = ["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"]
OVERFLOWS = ["WRAP", "SAT", "SAT_ZERO", "SAT_SYM"]

# What each mode does with two codes that are equally near. The TRN modes never look at nearness.
TIES = {
    "RND": max,
    "RND_MIN_INF": min,
    "RND_INF": lambda codes: max(codes, key=abs),
    "RND_ZERO": lambda codes: min(codes, key=abs),
    "RND_CONV": lambda codes: next(code for code in codes if code % 2 == 0),
}


def rounded(steps, rounding):
    """A Fraction to an integer."""
    candidates = sorted({math.floor(steps), math.ceil(steps)})
    if rounding == "TRN":
        return candidates[0]
    if rounding == "TRN_ZERO":
        return min(candidates, key=abs)
    distance = min(abs(code - steps) for code in candidates)
    nearest = [code for code in candidates if abs(code - steps) == distance]
    return nearest[0] if len(nearest) == 1 else TIES[rounding](nearest)


def in_range(code, signed, width, overflow):
    codes = range(-2 ** (width - 1), 2 ** (width - 1)) if signed else range(2 ** width)
    if overflow == "WRAP":
        return codes[(code - codes[0]) % len(codes)]
    if overflow == "SAT_ZERO":
        return code if code in codes else 0
    highest = codes[-1]
    # One bit with a sign has no symmetric range; ap_fixed keeps -1 there (fixed_headers.sh shows it).
    lowest = -highest if signed and overflow == "SAT_SYM" and width > 1 else codes[0]
    return sorted([lowest, code, highest])[1]


def cast(value, signed, width, integer, rounding, overflow):
    """A Fraction to the code of a type."""
    return in_range(rounded(value * Fraction(2) ** (width - integer), rounding), signed, width, overflow)


def type_text(signed, width, integer, rounding, overflow):
    return f"{'' if signed else 'u'}fixed<{width},{integer},{rounding},{overflow}>"


def fnv1a(codes):
    digest = 0xCBF29CE484222325
    for byte in b"".join(struct.pack("<q", code) for code in codes):
        digest = (digest ^ byte) * 0x100000001B3 % 2 ** 64
    return digest


# (W, I) of the type and the fraction of the numbers that are cast into it: negative I, I > W, no fraction, growing and
# shrinking fractions, and numbers from far below the type's range to far above it.
CASES = [(1, 1, 3), (2, 1, 4), (3, 3, 2), (4, 2, 6), (5, -1, 9), (5, 7, 0), (6, 2, 3), (6, -3, 12), (7, 9, 2), (8, 3, 8),
         (8, 3, 4), (8, 8, 3), (9, 12, -1), (4, 4, 0), (6, 6, -2), (7, 2, 5)]
COUNT = 520


def casts():
    for signed in (True, False):
        for width, integer, fraction in CASES:
            for rounding in ROUNDINGS:
                for overflow in OVERFLOWS:
                    first = -COUNT // 2
                    codes = [cast(Fraction(first + i) / Fraction(2) ** fraction, signed, width, integer, rounding, overflow)
                             for i in range(COUNT)]
                    text = type_text(signed, width, integer, rounding, overflow)
                    yield f"{text} {fraction} {first} {COUNT} {fnv1a(codes):016x}\n"


def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def neighbours(x):
    """A float and the floats beside it."""
    bits = struct.unpack("<i", struct.pack("<f", x))[0]
    return [x] + [struct.unpack("<f", struct.pack("<i", bits + step))[0] for step in (-1, 1) if x]


def floats():
    chance = random.Random(20240917)
    for rounding in ROUNDINGS:
        for overflow in OVERFLOWS:
            for _ in range(4):
                signed, width = chance.random() < 0.5, chance.choice([1, 2, 3, 6, 8, 12, 16, 18, 24, 31, 32])
                integer = chance.choice([-20, -3, 0, 1, width // 2, width, width + 5, 40])
                step = math.ldexp(1.0, integer - width)
                for _ in range(6):
                    codes = 2 ** min(width, 20)
                    x = float32((chance.randrange(-codes, codes) + chance.choice([0, 0.5])) * step)
                    for near in neighbours(x) + [float32(chance.gauss(0, 1)), float32(x * 2 ** chance.randrange(-40, 40))]:
                        if near and not 2.0 ** -126 <= abs(near) < 2.0 ** 127:
                            continue
                        code = cast(Fraction(near), signed, width, integer, rounding, overflow)
                        yield f"{type_text(signed, width, integer, rounding, overflow)} {near.hex()} {code}\n"


def main(arguments):
    check = "--check" in arguments
    folder, = [argument for argument in arguments if argument != "--check"]
    bad = 0
    for name, lines in ("fixed_casts.txt", casts), ("fixed_floats.txt", floats):
        path, text = os.path.join(folder, name), "".join(lines())
        numbers = text.count("\n") * (COUNT if lines is casts else 1)
        if not check:
            with open(path, "w") as out:
                out.write(text)
        same = open(path).read() == text
        bad += not same
        print(f"{name}: {numbers} casts{'' if not check else ', the same' if same else ', NOT the same'}")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
