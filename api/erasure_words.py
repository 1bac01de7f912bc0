"""Words of the pages of erasures that are chosen at run time."""

from domain.erasure import ErasureGround, HoldReason

ERASURE_FAMILIES: dict[str, tuple[str, ...]] = {
    "erasures.ground": tuple(ErasureGround),
    "erasures.reason": tuple(HoldReason),
    "erasures.status": ("erased", "completed"),
}
