"""What a verification says: that all is right, or the first lie."""

import base64
from dataclasses import dataclass

from projections.verify_erasures import ErasedBy


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong. `leaf_index` is the first bad one, `position` its place, where they are known."""

    what: str
    leaf_index: int | None = None
    position: int | None = None


class FoundError(Exception):
    def __init__(self, what: str, *, leaf_index: int | None = None, position: int | None = None) -> None:
        super().__init__(what)
        self.finding = Finding(what, leaf_index, position)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was verified: `events` are all that is stored, `tree_size` those under the last checkpoint."""

    events: int
    tree_size: int
    root_hash: bytes
    checkpoints: int
    documents: int
    finding: Finding | None
    erasures: tuple[ErasedBy, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict, in one line for people."""
        if self.finding is None:
            root = base64.b64encode(self.root_hash).decode()
            return f"verify: OK, tree size {self.tree_size}, root {root}"
        index, position = self.finding.leaf_index, self.finding.position
        return f"verify: FAILED, {self.finding.what}; first bad index {index}, position {position}"
