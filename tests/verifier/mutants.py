"""Mutants of evidence: each is a file that is not the one that was handed out, made from a seed.

Of signed text every byte counts; where a format lets bytes stand that no signature covers (the `extra` line of a
tlog-proof, lines of unknown signers), they are not in what is changed here.
"""

import base64
import re
from collections.abc import Callable, Iterator
from random import Random

from tests.verifier.evidence import OTHER, SIZE, TREE, Tree, entry

Mutator = Callable[[bytes, Random], Iterator[bytes]]
BASE64 = re.compile(rb"[A-Za-z0-9+/]{20,}={0,2}")
MUTATORS: dict[str, Mutator] = {}


def mutator(made: Mutator) -> Mutator:
    MUTATORS[made.__name__] = made
    return made


@mutator
def flipped(content: bytes, chance: Random) -> Iterator[bytes]:
    """One bit, at many places; in short files at every byte."""
    places = range(len(content)) if len(content) < 700 else sorted(chance.sample(range(len(content)), 220))
    for at in places:
        yield content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


@mutator
def loose_bits(content: bytes, _: Random) -> Iterator[bytes]:
    """Base64 that decodes to the same bytes and is written otherwise."""
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for match in BASE64.finditer(content):
        text = match[0]
        padding = len(text) - len(text.rstrip(b"="))
        if padding and len(text) % 4 == 0:
            last = len(text) - padding - 1
            loose = digits[digits.index(text[last]) ^ 1 : digits.index(text[last]) ^ 1 | 64][:1]
            for spelled in (text[:last] + loose + b"=" * padding, text.rstrip(b"="), text + b"="):
                yield content[: match.start()] + spelled + content[match.end() :]


@mutator
def blanks(content: bytes, chance: Random) -> Iterator[bytes]:
    """Ends of line, blanks and marks that many readers pass over."""
    yield content.replace(b"\n", b"\r\n")
    yield content.replace(b"\\n", b"\\r\\n")
    yield b"\xef\xbb\xbf" + content
    for at in chance.sample(range(len(content)), 12):
        for added in (b" ", b"\n", b"\t", b"\x00", b"\xc2\xa0", b"\r"):
            yield content[:at] + added + content[at:]


@mutator
def numbers(content: bytes, chance: Random) -> Iterator[bytes]:
    """Numbers with a zero or a sign before them, one more or less, or as a fraction."""
    free = rb"[A-Za-z0-9+/=.:-]"
    found = list(re.finditer(b"(?<!%s)[0-9]{1,3}(?!%s)" % (free, free), content))
    for match in found if len(found) < 14 else chance.sample(found, 14):
        value = int(match[0])
        for spelled in (
            b"0%d" % value,
            b"+%d" % value,
            b"-%d" % value,
            b"%d" % (value + 1),
            b"%d.0" % value,
            b"%de0" % value,
        ):
            yield content[: match.start()] + spelled + content[match.end() :]


@mutator
def cut(content: bytes, chance: Random) -> Iterator[bytes]:
    """A beginning of the file, or the file without some bytes."""
    for at in {0, 1, len(content) - 1, *chance.sample(range(len(content)), 14)}:
        yield content[:at]
        yield content[:at] + content[at + chance.randrange(1, 40) :]


@mutator
def appended(content: bytes, chance: Random) -> Iterator[bytes]:
    yield from (content + added for added in (b"\n", b" ", b"\x00", b"{}", content, content[-60:], b"\n\n"))
    yield b"\n" + content


@mutator
def doubled(content: bytes, _: Random) -> Iterator[bytes]:
    """Each line twice: so also each signature, each hash."""
    for newline in (b"\n", b"\\n"):
        lines = content.split(newline)
        for at in range(len(lines) - 1):
            if lines[at]:
                yield newline.join([*lines[: at + 1], *lines[at:]])


@mutator
def dropped(content: bytes, _: Random) -> Iterator[bytes]:
    for newline in (b"\n", b"\\n"):
        lines = content.split(newline)
        for at in range(len(lines) - 1):
            yield newline.join([*lines[:at], *lines[at + 1 :]])


@mutator
def swapped(content: bytes, _: Random) -> Iterator[bytes]:
    """Neighbouring lines, and in JSON neighbouring strings, in the other order. Not lines of signatures, which may
    stand in any, nor members of a consent's receipt, whose order is not what is signed."""
    for newline in (b"\n", b"\\n", b'","'):
        lines = content.split(newline)
        for at in range(len(lines) - 1):
            free = lines[at].startswith(("— ".encode(), b" "))
            if lines[at] != lines[at + 1] and lines[at] and lines[at + 1] and not free:
                yield newline.join([*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]])


@mutator
def spelled_otherwise(content: bytes, chance: Random) -> Iterator[bytes]:
    """The same words in another writing: JSON escapes, another order, capitals."""
    for at in chance.sample(range(len(content)), 6):
        if content[at : at + 1].isalpha():
            yield content[:at] + b"\\u%04x" % content[at] + content[at + 1 :]
    if content.startswith(b"{"):
        yield b'{"format":"letopis/other@v1",' + content[1:]
        yield content.replace(b'":', b'": ')
        yield content.replace(b"{", b'{"added":1,', 1)
        yield content.replace(b"null", b"0") if b"null" in content else content + b" "
    yield content.upper()


@mutator
def other_evidence(content: bytes, _: Random) -> Iterator[bytes]:
    """Parts of honest evidence of something else: another root, another key, another size, another index."""
    forged = Tree(tuple(entry(index) for index in range(SIZE)))
    signed = TREE.published(SIZE)
    if signed in content:
        for other in (
            Tree(TREE.entries, signer=OTHER).published(SIZE),
            forged.published(SIZE),
            TREE.published(SIZE - 1),
            TREE.signed(SIZE),
            TREE.published(SIZE, at=1).rpartition("— witness.example/w2".encode())[0],
        ):
            yield content.replace(signed, other)
    for first, second in (
        (b"ledger.example", b"ledger.example2"),
        (b"letopis.", b"letopas."),
        (b"@v1", b"@v2"),
    ):
        if first in content:
            yield content.replace(first, second)
            yield content.replace(first, second, 1)
    for match in list(BASE64.finditer(content))[:8]:
        other = base64.b64encode(bytes(32))
        if len(match[0]) == 44:
            yield content[: match.start()] + other + content[match.end() :]


def mutants(content: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """All mutants of a file, each once, with the name of what made it."""
    seen = {content}
    for name, made in MUTATORS.items():
        for changed in made(content, Random(f"{seed} {name}")):
            if changed not in seen:
                seen.add(changed)
                yield name, changed
