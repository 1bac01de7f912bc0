"""Files of the registry of medical organisations: CSV, JSON or JSON lines in the columns of НСИ 1461 (ФРМО).

A line is read alone, so a file of any size needs little memory; a line that can't be used is named with its reason
and left out. docs/registry.md has the columns.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TextIO, TypeVar

from domain.organisation import OrganisationKind
from domain.organisation_registry import (
    Certificate,
    CollectionPoint,
    Department,
    RegisteredOrganisation,
    is_checked_ogrn,
)
from domain.study_type import StudyType
from domain.values import CheckDigitError, OidMalformedError, inn, oid

Line = Mapping[str, Any]
T = TypeVar("T")
SEEN = Callable[[int], None]

# What each field may be called: in НСИ 1461, in Russian, and in our own words.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "oid": ("oid", "OID"),
    "full_name": ("nameFull", "Полное наименование", "full_name"),
    "short_name": ("nameShort", "Сокращенное наименование", "Сокращённое наименование", "short_name"),
    "inn": ("inn", "ИНН"),
    "kpp": ("kpp", "КПП"),
    "ogrn": ("ogrn", "ОГРН"),
    "region": ("regionName", "addrRegionName", "Субъект РФ", "Регион", "region"),
    "locality": ("areaName", "Населенный пункт", "Населённый пункт", "locality"),
    "street": ("streetName", "Улица"),
    "house": ("house", "Дом"),
    "address": ("address", "Адрес"),
    "kind": ("kind", "moAgencyKind", "profileAgencyKind", "Вид МО", "Вид"),
    "closed_on": ("deleteDate", "Дата исключения", "Дата закрытия", "closed_on"),
    "certificate_number": ("certificateNumber", "Номер аттестата", "certificate_number"),
    "certificate_valid_until": ("certificateValidUntil", "Аттестат действует до", "certificate_valid_until"),
    "certificate_name": ("certificateName", "Наименование в аттестате", "certificate_name"),
    "departments": ("departments", "Отделения", "Подразделения"),
    "id": ("id", "Номер пункта"),
    "name": ("name", "Наименование"),
    "latitude": ("latitude", "Широта"),
    "longitude": ("longitude", "longtitude", "Долгота"),
    "study_types": ("study_types", "Виды исследований"),
}


class LineRefusedError(ValueError):
    """A line can't be used; `reason` names why, in a word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FileMalformedError(Exception):
    """The file is not what its format says: CSV with a head line, JSON lines, or one JSON array of objects."""


@dataclass(slots=True)
class Lines:
    """The lines of a file that can be used, once through; what was refused is told as it is met."""

    path: Path
    format: str
    refused: Callable[[int, str], None]
    seen: SEEN = lambda _: None
    refusals: int = field(default=0, init=False)

    def read(self, make: Callable[[Line], T], key: Callable[[T], str]) -> Iterator[T]:
        known: set[str] = set()
        with self.path.open("rb") as source:
            file = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
            for number, line in _READERS[self.format](file):
                if number % 500 == 0:
                    self.seen(source.tell())
                try:
                    made = make(line)
                    if key(made) in known:
                        raise LineRefusedError("repeated")
                except LineRefusedError as error:
                    self.refusals += 1
                    self.refused(number, error.reason)
                    continue
                known.add(key(made))
                yield made

    def organisations(self) -> Iterator[RegisteredOrganisation]:
        return self.read(organisation_of, lambda entry: entry.oid)

    def points(self) -> Iterator[CollectionPoint]:
        return self.read(point_of, lambda point: point.point_id)


def format_of(path: Path) -> str:
    return "csv" if path.suffix.lower() == ".csv" else "json"


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# Formats


def _csv_lines(file: TextIO) -> Iterator[tuple[int, Line]]:
    head = file.readline()
    delimiter = max(",;\t|", key=head.count)
    names = next(csv.reader([head], delimiter=delimiter), [])
    if len(names) < 3:
        raise FileMalformedError
    try:
        rows = csv.DictReader(file, fieldnames=names, delimiter=delimiter, strict=True)
        for row in rows:
            yield rows.line_num + 1, row
    except csv.Error:
        raise FileMalformedError from None


_BLOCK = 1 << 16
_LINE_MAX = 1 << 20


def _json_lines(file: TextIO) -> Iterator[tuple[int, Line]]:
    """Objects one after another: in one array, or a line each. Never more than a block and an object in memory."""
    decoder = json.JSONDecoder()
    text, number = "", 0
    while block := file.read(_BLOCK):
        text += block
        end = 0
        while (start := text.find("{", end)) >= 0:
            if text[end:start].strip(" \t\r\n[,"):
                raise FileMalformedError
            try:
                found, end = decoder.raw_decode(text, start)
            except json.JSONDecodeError:
                break
            number += 1
            yield number, found
        text = text[end:]
        if len(text) > _LINE_MAX:
            raise FileMalformedError
    if text.strip(" \t\r\n[],"):
        raise FileMalformedError


_READERS: Mapping[str, Callable[[TextIO], Iterator[tuple[int, Line]]]] = {
    "csv": _csv_lines,
    "json": _json_lines,
}


# Lines


def organisation_of(line: Line) -> RegisteredOrganisation:
    """LineRefusedError with a word for what is wrong."""
    number, full_name = _text(line, "certificate_number"), _text(line, "full_name")
    if full_name is None:
        raise LineRefusedError("name-missing")
    ogrn = _text(line, "ogrn") or ""
    if not is_checked_ogrn(ogrn):
        raise LineRefusedError("ogrn-check-failed")
    place = (_text(line, name) for name in ("region", "locality", "street", "house"))
    return RegisteredOrganisation(
        oid=_oid(line),
        full_name=full_name,
        short_name=_text(line, "short_name"),
        inn=_inn(line),
        kpp=_text(line, "kpp"),
        ogrn=ogrn,
        region=_text(line, "region"),
        locality=_text(line, "locality"),
        address=_text(line, "address") or ", ".join(filter(None, place)) or None,
        kind=kind_of(_text(line, "kind") or "", full_name),
        closed_on=_date(line, "closed_on"),
        certificate=Certificate(
            number=number,
            valid_until=_date(line, "certificate_valid_until"),
            official_name=_text(line, "certificate_name"),
        )
        if number
        else None,
        departments=_departments(_value(line, "departments")),
    )


def point_of(line: Line) -> CollectionPoint:
    """LineRefusedError with a word for what is wrong."""
    point_id, address = _text(line, "id"), _text(line, "address")
    if not (point_id and address):
        raise LineRefusedError("id-or-address-missing")
    return CollectionPoint(
        point_id=point_id,
        oid=_oid(line),
        name=_text(line, "name") or address,
        address=address,
        latitude=_degrees(line, "latitude", 90),
        longitude=_degrees(line, "longitude", 180),
        study_types=_study_types(_value(line, "study_types")),
    )


_KINDS = (
    (OrganisationKind.LABORATORY, ("лаборатор", "laboratory")),
    (OrganisationKind.HOSPITAL, ("больниц", "стационар", "госпитал", "hospital", "родильн")),
    (OrganisationKind.CLINIC, ("поликлин", "clinic", "амбулатор", "консультац", "центр")),
)


def kind_of(said: str, name: str) -> OrganisationKind:
    """What the registry's many kinds are here; where it says nothing, the name does."""
    for text in (said.casefold(), name.casefold()):
        for kind, marks in _KINDS:
            if any(mark in text for mark in marks):
                return kind
    return OrganisationKind.CLINIC


def _value(line: Line, name: str) -> Any:
    return next((line[column] for column in COLUMNS[name] if line.get(column) not in (None, "")), None)


def _text(line: Line, name: str) -> str | None:
    value = _value(line, name)
    return " ".join(str(value).split()) or None if value is not None else None


def _oid(line: Line) -> str:
    try:
        return oid(_text(line, "oid") or "")
    except OidMalformedError:
        raise LineRefusedError("oid-malformed") from None


def _inn(line: Line) -> str:
    try:
        return inn(_text(line, "inn") or "")
    except CheckDigitError:
        raise LineRefusedError("inn-check-failed") from None


def _date(line: Line, name: str) -> date | None:
    """ISO or ДД.ММ.ГГГГ, with a time of day that is left out."""
    text = _text(line, name)
    if text is None:
        return None
    day = text.replace("T", " ").split(" ")[0]
    if day.count(".") == 2:
        day = "-".join(reversed(day.split(".")))
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise LineRefusedError("date-malformed") from None


def _degrees(line: Line, name: str, most: float) -> float | None:
    text = _text(line, name)
    try:
        degrees = float(text.replace(",", ".")) if text else None
    except ValueError:
        raise LineRefusedError("place-malformed") from None
    if degrees is not None and not -most <= degrees <= most:
        raise LineRefusedError("place-malformed")
    return degrees


def _departments(value: Any) -> tuple[Department, ...]:
    """A list of objects with code and name, or text: «01: Лаборатория; 02: Рентген»."""
    if isinstance(value, str):
        pairs = [part.partition(":")[::2] for part in value.split(";") if part.strip()]
    elif isinstance(value, list) and all(isinstance(one, dict) for one in value):
        pairs = [(str(one.get("code") or ""), str(one.get("name") or "")) for one in value]
    elif value is None:
        pairs = []
    else:
        raise LineRefusedError("departments-malformed")
    found = tuple(Department(code=code.strip(), name=name.strip()) for code, name in pairs)
    if not all(one.code and one.name for one in found):
        raise LineRefusedError("departments-malformed")
    return found


def _study_types(value: Any) -> tuple[StudyType, ...]:
    words = value.replace(";", ",").split(",") if isinstance(value, str) else value or []
    try:
        return tuple(StudyType(str(word).strip()) for word in words)
    except (ValueError, TypeError):
        raise LineRefusedError("study-type-unknown") from None
