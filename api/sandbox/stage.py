"""What a sandbox is before anybody comes: a Letopis of its own in a folder, with a laboratory and patients."""

import json
import shlex
from collections.abc import Sequence
from uuid import uuid4

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from api import laboratories
from api.consent_documents import current
from api.envelope_keys import private_jwk, public_jwk
from api.laboratories import OPERATOR, Sender
from api.node import Node
from api.portal.sign_in import Door, hash_password
from api.sandbox.hl7_writer import APPLICATION, FACILITY
from api.sandbox.people import Person
from api.sandbox.reports import LABORATORY, series
from api.sandbox.writers import WRITERS
from api.settings import Settings
from domain import consent, linkage
from domain.consent import OF_CABINET
from domain.identity import Proof
from domain.laboratory import LaboratoryRegistered, LaboratorySenderAdded
from domain.patient import ProfileStated
from domain.values import OrganisationId, PatientId
from ledger import commands, consents, identity, onboarding
from ledger import linkage as linking
from ledger.contacts import confirm_email
from ledger.custody import create_file
from ledger.store import Ledger

# In every leaf and checkpoint: nobody can take what a sandbox says for the word of a real Letopis.
ORIGIN = "sandbox.letopis.example/ledger"
HANDLE = "sandbox-lab"
PASSWORD = "песочница: вход для проверки"  # noqa: S105 - of made-up people
_REGISTERED = LaboratoryRegistered(handle=HANDLE, name=LABORATORY, inn="7830002293", ogrn="1027739054420")


class SandboxSettings(Settings):
    """Nothing comes from the environment: a sandbox must not write into a real database, nor send a real
    e-mail, because of a variable that was set for something else."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def laboratory(opened: Node) -> Sender:
    """The test laboratory with its key, in `keys/` too, and its sender of HL7 v2."""
    home = opened.settings.home
    if HANDLE in laboratories.known(home):
        sender = laboratories.load(home, HANDLE)
    else:
        _, sender = laboratories.add(opened.ledger, home, _REGISTERED)
    _, state = onboarding.load_laboratory(opened.ledger, HANDLE)
    if state.sender(APPLICATION, FACILITY) is None:
        added = LaboratorySenderAdded(application=APPLICATION, facility=FACILITY, certificate_sha256=None)
        onboarding.add_laboratory_sender(opened.ledger, HANDLE, added, OPERATOR)
    return sender


def enrol(opened: Node, people: Sequence[Person]) -> None:
    """Accounts with profile, policy and consents. What is there already stays as it is, and what an
    interrupted start left undone is done."""
    password_hash = hash_password(PASSWORD)
    for person in people:
        found = opened.ledger.find("phone", person.phone)
        patient_id = PatientId(found or uuid4())
        if found is None:
            commands.register_patient(opened.ledger, patient_id=patient_id, phone=person.phone, locale="ru")
        if opened.ledger.find("enp", person.enp) is None:
            Door(opened.ledger, opened.settings).set_password(patient_id, password_hash)
            _fill_in(opened.ledger, patient_id, person)
        _consent(opened.ledger, patient_id)


def _fill_in(ledger: Ledger, patient_id: PatientId, person: Person) -> None:
    """Profile, e-mail and, last, the policy: who has one has all of it."""
    by = commands.by_patient(patient_id)
    profile = ProfileStated(
        family=person.family,
        given=person.given,
        patronymic=person.patronymic,
        birth_date=person.birth_date.isoformat(),
        sex=person.sex,
        snils=person.snils,
    )
    commands.state_profile(ledger, patient_id, profile, by)
    commands.state_email(ledger, patient_id, person.email, by)
    confirm_email(ledger, patient_id, person.email, by)
    identity.confirm(ledger, patient_id, OPERATOR, proof=Proof.IN_PERSON)
    commands.link_policy(ledger, patient_id, person.enp, by)


def _consent(ledger: Ledger, patient_id: PatientId) -> None:
    """To everything that was never asked: a consent that an integrator withdrew stays withdrawn."""
    for kind in OF_CABINET:
        known, _ = ledger.load(consents.consent_stream(ledger, patient_id, kind), consent.evolve)
        if known is None:
            document = current(kind, "ru").document
            by = commands.by_patient(patient_id)
            consents.grant_consent(ledger, patient_id, agreed=document, current=document, by=by)


def link(ledger: Ledger, people: Sequence[Person], organisation_id: OrganisationId) -> None:
    """Each of these patients takes the results of the organisation, unless they ever decided themselves."""
    for person in people:
        found = ledger.find("phone", person.phone)
        if found is None:
            continue
        patient_id = PatientId(found)
        stream = linking.linkage_stream(ledger, patient_id, organisation_id)
        if ledger.load(stream, linkage.evolve)[0] is None:
            linking.link_organisation(ledger, patient_id, organisation_id, commands.by_patient(patient_id))


def write_files(opened: Node, sender: Sender, people: Sequence[Person], *, seed: int) -> None:
    """What an integrator takes from the folder: keys, patients, an example in each format."""
    home = opened.settings.home
    keys, examples = home / "keys", home / "examples"
    keys.mkdir(exist_ok=True)
    examples.mkdir(exist_ok=True)
    create_file(keys / f"{HANDLE}.jwk", private_jwk(sender.key).encode())
    (keys / "intake.public.jwk").write_text(public_jwk(opened.intake_key) + "\n")
    patients = [
        {
            "name": person.name,
            "birth_date": person.birth_date.isoformat(),
            "sex": person.sex,
            "snils": person.snils,
            "policy_number": person.enp,
            "phone": person.phone,
            "password": PASSWORD,
        }
        for person in people
    ]
    (home / "patients.json").write_text(json.dumps(patients, ensure_ascii=False, indent=1) + "\n")
    drawn = series(seed, len(WRITERS), people[:1])
    for (name, writer), report in zip(WRITERS.items(), drawn, strict=True):
        path = examples / f"{name}.{writer.ending}"
        if not path.exists():
            path.write_bytes(writer.write(report))
    (home / "operator.env").write_text(_environment(opened.settings))


def _environment(settings: Settings) -> str:
    """With it `letopis` works on the sandbox: `. sandbox/operator.env`."""
    chosen = {
        "LETOPIS_HOME": str(settings.home),
        "LETOPIS_ORIGIN": settings.origin,
        "LETOPIS_PUBLIC_URL": settings.public_url,
    }
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in chosen.items()]
    return "unset DATABASE_URL\n" + "".join(lines)
