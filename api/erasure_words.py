"""Words of the pages of erasures that are chosen at run time."""

from domain.erasure import CallOffReason, ErasureGround, HoldReason

ERASURE_FAMILIES: dict[str, tuple[str, ...]] = {
    "erasures.ground": tuple(ErasureGround),
    "erasures.reason": tuple(HoldReason),
    "erasures.call_off": tuple(CallOffReason),
    "erasures.status": ("erased", "completed"),
}
