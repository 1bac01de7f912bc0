"""Pages of the patient portal: Jinja templates filled with the words of the gettext catalogues."""

import gettext as gnu_gettext
import re
from collections.abc import Iterable, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from decimal import Decimal
from functools import cache, partial
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal
from zoneinfo import ZoneInfo

from babel.core import Locale as BabelLocale
from babel.dates import format_date
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

Locale = Literal["ru", "en"]

LOCALES: Final[tuple[Locale, ...]] = ("ru", "en")
DEFAULT_TIME_ZONE: Final = "Europe/Moscow"

_PORTAL: Final = Path(__file__).parent / "portal"
TEMPLATES: Final = _PORTAL / "templates"
STATIC: Final = _PORTAL / "static"
# The stylesheet asks for /static/fonts/PT_Sans-Web-Regular.ttf and -Bold.ttf: mount this folder there.
FONTS: Final = Path(str(files("fontpkg_pt_sans"))) / "files"


class UntranslatedError(LookupError):
    """A page asked for a word that the catalogue does not have."""


class _NoFallback(gnu_gettext.NullTranslations):
    """Gettext shows the bare id when a word is missing; a patient must never read one."""

    def gettext(self, message: str) -> str:
        raise UntranslatedError(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        del msgid2, n
        raise UntranslatedError(msgid1)


@cache
def _catalogue(locale: Locale) -> gnu_gettext.GNUTranslations:
    # Compiled in memory: the stdlib then chooses the plural form, and no .mo can be older than its .po. One for all
    # parts: asked one after the other, they would make a phrase cost as many look-ups as there are sections.
    whole: Catalog | None = None
    for part in sorted(catalogue_files(locale)):
        with part.open("rb") as source:
            catalogue = read_po(source, locale=locale, abort_invalid=True)
        if whole is None:
            whole = catalogue
            continue
        for message in catalogue:
            if message.id:  # else it is the header
                whole[message.id] = message
    assert whole is not None
    compiled = BytesIO()
    write_mo(compiled, whole)
    compiled.seek(0)
    words = gnu_gettext.GNUTranslations(compiled)
    words.add_fallback(_NoFallback())
    return words


def catalogue_files(locale: Locale) -> Iterable[Path]:
    """The parts of a catalogue, one a section of the pages. A word stands in one of them only."""
    return (_PORTAL / "locale" / locale).glob("*.po")


def phrase(message_id: str, *, locale: Locale, **values: object) -> str:
    """Words of the catalogue with the values filled in; for subjects and texts outside a page."""
    return _catalogue(locale).gettext(message_id).format(**values)


def plural_phrase(message_id: str, count: int, *, locale: Locale, **values: object) -> str:
    """As `phrase`, in the form that goes with the number: 1 показатель, 2 показателя, 5 показателей."""
    return _catalogue(locale).ngettext(message_id, message_id, count).format(count=count, **values)


_PARTIAL_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d))?")
_PLAIN_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_MONTHS: Final = frozenset(f"{number:02d}" for number in range(1, 13))
# Looked up once: by its name it would be parsed for each date of a page.
_CLDR: Final[Mapping[Locale, BabelLocale]] = MappingProxyType(
    {one: BabelLocale.parse(one) for one in LOCALES}
)


def _moment(value: date | str) -> date | str:
    """The date or time that the text stands for; the text itself when it names no whole day."""
    if isinstance(value, date):
        return value
    try:
        if len(value) == len("2026-11-23"):
            return date.fromisoformat(value)
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    # Where the calendar ends another clock has no such time.
    return moment if MINYEAR < moment.year < MAXYEAR else value


def _partial_date_text(value: str, locale: Locale) -> str:
    # FHIR date and dateTime may stop at the year or the month. To add the rest would be an invention.
    found = _PARTIAL_DATE.fullmatch(value)
    if found is None:
        return value
    year, month = found.groups()
    if month is None:
        return str(year)
    if year == "0000" or month not in {f"{number:02d}" for number in range(1, 13)}:
        return value
    return format_date(date(int(year), int(month), 1), "LLLL y", locale)


def date_text(value: date | str, *, locale: Locale, time_zone: str = DEFAULT_TIME_ZONE) -> str:
    """A day as people write it: 23.11.2026 or 23 Nov 2026; a FHIR partial date in its own precision."""
    # A compact "197711" would pass for a year and a week in fromisoformat; FHIR knows only dashes.
    if isinstance(value, str) and len(value) < len("2026-11-23"):
        return _partial_date_text(value, locale)
    moment = _moment(value)
    if isinstance(moment, str):
        return moment
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        moment = moment.astimezone(ZoneInfo(time_zone))
    if locale == "ru":
        return f"{moment.day:02d}.{moment.month:02d}.{moment.year:04d}"
    return format_date(moment, "d MMM y", _CLDR[locale])


def datetime_text(value: date | str, *, locale: Locale, time_zone: str = DEFAULT_TIME_ZONE) -> str:
    """A day and a time with the zone's name. No zone is invented where the sender gave none."""
    day = date_text(value, locale=locale, time_zone=time_zone)
    short = isinstance(value, str) and len(value) <= len("2026-11-23")
    moment = value if short else _moment(value)
    if not isinstance(moment, datetime):
        return day
    if moment.tzinfo is None:
        return f"{day}, {moment:%H:%M}"
    moment = moment.astimezone(ZoneInfo(time_zone))
    return f"{day}, {moment:%H:%M}\u00a0{_zone_name(moment, locale)}"


def _zone_name(moment: datetime, locale: Locale) -> str:
    # CLDR has no short name for most Russian zones; people know Moscow's by its letters.
    if moment.tzname() == "MSK":
        return phrase("zone.msk", locale=locale)
    offset = f"{moment:%z}"
    minutes = "" if offset[3:] == "00" else f":{offset[3:]}"
    return f"UTC{offset[0]}{int(offset[1:3])}{minutes}"


def decimal_text(value: Decimal | int | str, *, locale: Locale) -> str:
    """The digits exactly as sent, with a Russian comma; what is no plain decimal stays unchanged."""
    text = str(value)
    if locale == "ru" and _PLAIN_DECIMAL.fullmatch(text):
        return text.replace(".", ",")
    return text


def _size_text(size_bytes: int, *, locale: Locale) -> str:
    kibibytes = max(1, round(size_bytes / 1024))
    if kibibytes < 1024:
        return phrase("size.kilobytes", locale=locale, size=kibibytes)
    megabytes = Decimal(size_bytes * 10 // 1024**2) / 10
    return phrase("size.megabytes", locale=locale, size=decimal_text(megabytes, locale=locale))


@cache
def _environment(locale: Locale, time_zone: str) -> Environment:
    words = partial(phrase, locale=locale)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Or each part of each page is looked for on the disk again.
        auto_reload=False,
    )
    environment.globals.update(
        locale=locale,
        gettext=words,
        ngettext=partial(plural_phrase, locale=locale),
        word=lambda family, member: words(f"{family}.{member}"),
    )
    environment.filters.update(
        date=partial(date_text, locale=locale, time_zone=time_zone),
        datetime=partial(datetime_text, locale=locale, time_zone=time_zone),
        decimal=partial(decimal_text, locale=locale),
        size=partial(_size_text, locale=locale),
        iso=lambda value: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value),
    )
    return environment


def render(template: str, *, locale: Locale, time_zone: str = DEFAULT_TIME_ZONE, **context: object) -> str:
    """The page in the reader's language. A missing context value or word is an error, never a gap."""
    return _environment(locale, time_zone).get_template(template).render(context)
