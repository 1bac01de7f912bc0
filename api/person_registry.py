"""A registry of persons: a file of it is taken in, and profiles are compared with it (S82, S89, S118).

What is kept are keyed digests: that a field is the same is seen, what it is can't be read. Only the day until
which a document is valid is kept sealed, for days are compared by their order.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from io import StringIO
from typing import Any, Protocol

import orjson

from domain import person_registry
from domain.identity import Cause, Shortfall
from domain.patient import Patient, ProfileStated
from domain.person_registry import Agreement, PersonsImported
from domain.values import CheckDigitError, Purpose, snils
from ledger import sealing
from ledger.codec import Circumstances
from ledger.commands import change
from ledger.store import Ledger

# The fields that are compared, in the order in which a form shows them.
FIELDS = ("family", "given", "patronymic", "birth_date", "sex", "inn", "policy", "document")
_COLUMNS = ("snils", *FIELDS, "document_valid_until")
_SEXES = {"м": "male", "муж": "male", "мужской": "male", "ж": "female", "жен": "female", "женский": "female"}
_UPSERT = (
    "INSERT INTO registry.persons (mark, family, given, patronymic, birth_date, sex, inn, policy, document, sealed,"
    " key_id) SELECT * FROM pg_temp.loaded ON CONFLICT (mark) DO UPDATE SET (family, given, patronymic, birth_date,"
    " sex, inn, policy, document, sealed, key_id) = (excluded.family, excluded.given, excluded.patronymic,"
    " excluded.birth_date, excluded.sex, excluded.inn, excluded.policy, excluded.document, excluded.sealed,"
    " excluded.key_id)"
)


class PersonsFileError(Exception):
    """The file can't be taken in. The message names the line and the column, never what is there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a registry says of a profile, field by field; `valid_until` is of the document that was stated."""

    is_known: bool
    fields: Mapping[str, Agreement]
    valid_until: date | None = None

    def shortfall(self, today: date) -> Shortfall | None:
        """The first thing that the registry knows otherwise. Who is not in it is for a person to decide."""
        for field in FIELDS:
            if self.fields[field] is Agreement.DIFFERS:
                return Shortfall(Cause.DATA_DIFFER, field)
        if self.valid_until is not None and self.valid_until < today:
            return Shortfall(Cause.DOCUMENT_INVALID, "document")
        return None


class PersonRegistry(Protocol):
    """Whatever knows persons: ours, loaded from files, or one of the state behind a service."""

    def compare(self, profile: ProfileStated, policy: str | None) -> Finding: ...


@dataclass(frozen=True, slots=True)
class LocalRegistry:
    """The registry that was loaded from files (`letopis registry persons`)."""

    ledger: Ledger

    def compare(self, profile: ProfileStated, policy: str | None) -> Finding:
        mark = _mark(self.ledger, "snils", profile.snils)
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "SELECT family, given, patronymic, birth_date, sex, inn, policy, document, sealed, key_id"
                " FROM registry.persons WHERE mark = %s",
                (mark,),
            ).fetchone()
        if row is None:
            return Finding(False, dict.fromkeys(FIELDS, Agreement.ABSENT))
        stated = _stated(profile, policy)
        fields = {
            field: _agreement(digest, _digest(self.ledger, profile.snils, field, stated[field]))
            for field, digest in zip(FIELDS, row, strict=False)
        }
        secret = self.ledger.keys.open(row[9])
        opened = orjson.loads(sealing.unseal_row(secret, about=mark, sealed=bytes(row[8])))
        until = opened["document_valid_until"]
        is_same_document = fields["document"] is Agreement.AGREES
        return Finding(True, fields, date.fromisoformat(until) if until and is_same_document else None)

    def first_difference(self, patient: Patient, today: date) -> Shortfall | None:
        """As `ledger.identity.request_check` asks."""
        assert patient.profile is not None
        return self.compare(patient.profile, patient.policy).shortfall(today)

    def count(self) -> int:
        with self.ledger.pool.connection() as connection:
            row = connection.execute("SELECT count(*) FROM registry.persons").fetchone()
        return row[0] if row else 0

    def take_in(self, content: bytes, by: Circumstances) -> int:
        """Take a whole file in or nothing of it; who is known already is replaced. How many persons it had.

        PersonsFileError if a line can't be read."""
        # The last line that a file has of somebody is what it says of them.
        persons = list({person["snils"]: person for person in persons_of(content)}.values())
        key = self.ledger.keys.key_of(self._stream(), Purpose.IDENTITY)
        event = PersonsImported(count=len(persons), sha256=hashlib.sha256(content).hexdigest())
        with self.ledger.pool.connection() as connection, connection.transaction():
            connection.execute("CREATE TEMP TABLE loaded (LIKE registry.persons) ON COMMIT DROP")
            with connection.cursor().copy("COPY pg_temp.loaded FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(["bytea"] * (len(FIELDS) + 2) + ["uuid"])
                for person in persons:
                    mark = _mark(self.ledger, "snils", person["snils"])
                    digests = [
                        _digest(self.ledger, person["snils"], field, person[field]) for field in FIELDS
                    ]
                    kept = orjson.dumps({"document_valid_until": person["document_valid_until"]})
                    sealed = sealing.seal_row(key.secret, about=mark, plaintext=kept)
                    copy.write_row((mark, *digests, sealed, key.key_id))
            connection.execute(_UPSERT)
            # Rows that no event accounts for would be worse than an event whose rows are loaded once more.
            change(self.ledger, self._stream(), person_registry.evolve, lambda _: (event,), by)
        return len(persons)

    def _stream(self) -> Any:
        return self.ledger.stream_id("registry", "persons")


def _agreement(known: bytes | None, stated: bytes | None) -> Agreement:
    if known is None or stated is None:
        return Agreement.ABSENT
    return Agreement.AGREES if bytes(known) == stated else Agreement.DIFFERS


def _stated(profile: ProfileStated, policy: str | None) -> dict[str, str | None]:
    document = profile.document
    return {
        "family": profile.family,
        "given": profile.given,
        "patronymic": profile.patronymic,
        "birth_date": profile.birth_date,
        "sex": profile.sex,
        "inn": profile.inn,
        "policy": policy,
        "document": f"{document.series or ''}{document.number}" if document else None,
    }


def _mark(ledger: Ledger, field: str, text: str) -> bytes:
    return sealing.mark(ledger.custody.index_key, f"registry-{field}", text)


def _digest(ledger: Ledger, number: str, field: str, text: str | None) -> bytes | None:
    """Of the field together with whose it is: two persons of one name have nothing in common here."""
    return _mark(ledger, field, f"{number}|{_plain(text)}") if text else None


def _plain(text: str) -> str:
    """Without what two clerks write differently: case, ё, spaces, dashes and apostrophes."""
    folded = text.upper().replace("Ё", "Е")
    return "".join(char for char in folded if char.isalnum())


# Files


def persons_of(content: bytes) -> Iterator[dict[str, Any]]:
    """The persons of a file: JSON Lines, or CSV with a header, by comma or semicolon."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PersonsFileError("the file is not UTF-8") from None
    lines = _json_lines(text) if text.lstrip().startswith("{") else _table(text)
    for number, line in lines:
        yield _person(number, line)


def _json_lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise PersonsFileError(f"line {number} is not a JSON object")
        yield number, found


def _table(text: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    first = text.partition("\n")[0]
    reader = csv.DictReader(StringIO(text), delimiter=";" if ";" in first else ",")
    if "snils" not in (reader.fieldnames or ()):
        raise PersonsFileError(f"the first line must name columns of {', '.join(_COLUMNS)}")
    return enumerate(reader, 2)


def _person(number: int, line: Mapping[str, Any]) -> dict[str, Any]:
    person: dict[str, Any] = {}
    for column in _COLUMNS:
        value = line.get(column)
        if value is not None and not isinstance(value, str):
            raise PersonsFileError(f"line {number}: {column} is not text")
        person[column] = (value or "").strip() or None
    try:
        person["snils"] = snils(person["snils"] or "")
    except CheckDigitError:
        raise PersonsFileError(f"line {number}: snils") from None
    for column in ("birth_date", "document_valid_until"):
        person[column] = _iso(person[column], number, column)
    if person["sex"]:
        person["sex"] = _SEXES.get(person["sex"].lower(), person["sex"].lower())
    return person


def _iso(text: str | None, number: int, column: str) -> str | None:
    """A date as YYYY-MM-DD, also from DD.MM.YYYY."""
    if text is None:
        return None
    day, _, rest = text.partition(".")
    month, _, year = rest.partition(".")
    try:
        return date.fromisoformat(f"{year}-{month}-{day}" if year else text).isoformat()
    except ValueError:
        raise PersonsFileError(f"line {number}: {column}") from None
