"""The time zones of Russia, from west to east, by their names in the IANA's base."""

from typing import Final

TIME_ZONES: Final = (
    "Europe/Kaliningrad",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Yekaterinburg",
    "Asia/Omsk",
    "Asia/Krasnoyarsk",
    "Asia/Irkutsk",
    "Asia/Yakutsk",
    "Asia/Vladivostok",
    "Asia/Magadan",
    "Asia/Kamchatka",
)
# Monday to Sunday, as ISO 8601 counts them.
WEEKDAYS: Final = ("1", "2", "3", "4", "5", "6", "7")
