"""Words of trends and comparisons that a page chooses at run time."""

from domain.comparison import Direction, Turn
from domain.trend import LeftOut

TREND_FAMILIES: dict[str, tuple[str, ...]] = {
    "trend.left_out": tuple(LeftOut),
    "trend.change": ("up", "down", "same"),
    "trend.period": ("all", "1", "3"),
    "comparison.direction": tuple(Direction),
    "comparison.turn": tuple(Turn),
}
