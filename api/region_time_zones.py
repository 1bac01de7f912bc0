"""By whose clock people live where they say that they live: the zone in which most of a region's people are."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from api.regions import REGIONS
from domain.patient import Patient

_BEYOND_MOSCOW: Final = """
Europe/Kaliningrad 39
Europe/Simferopol 91
Europe/Volgograd 34
Europe/Samara 18 63
Europe/Astrakhan 30
Europe/Saratov 64
Europe/Ulyanovsk 73
Asia/Yekaterinburg 02 45 56 59 66 72 74 86 89
Asia/Omsk 55
Asia/Barnaul 04 22
Asia/Novosibirsk 54
Asia/Novokuznetsk 42
Asia/Tomsk 70
Asia/Krasnoyarsk 17 19 24
Asia/Irkutsk 03 38
Asia/Chita 75
Asia/Yakutsk 14 28
Asia/Vladivostok 25 27 79
Asia/Magadan 49
Asia/Sakhalin 65
Asia/Kamchatka 41
Asia/Anadyr 87
"""
# Code of the region -> its zone (IANA).
TIME_ZONES: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(REGIONS, "Europe/Moscow")
    | {code: zone for zone, *codes in map(str.split, _BEYOND_MOSCOW.split("\n")[1:-1]) for code in codes}
)


def time_zone_of(patient: Patient | None, default: str) -> str:
    """Of who said nothing of where they live, the service's own."""
    region = patient.profile.region if patient is not None and patient.profile is not None else None
    return TIME_ZONES.get(region or "", default)
