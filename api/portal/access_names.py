"""Who stands behind an actor of the access log, in words that the patient knows."""

from dataclasses import dataclass, field
from uuid import UUID

from api.pages import phrase
from api.portal.web import Visit
from domain.sharing import ShareRecipientStated
from domain.values import StaffMemberId
from ledger import doctors, guardianship, onboarding, staff
from ledger.commands import LaboratoryNotFoundError, load_patient
from ledger.sharing import ShareUnknownError, load_share
from projections import guardianship as guardianships


@dataclass(slots=True)
class Names:
    """Asks for each actor once. `registrars` are members of an organisation's own staff."""

    person: Visit
    _known: dict[str, str] = field(default_factory=dict)
    registrars: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._known |= _guardians(self.person)

    def of(self, actor: str, role: str) -> str:
        """The name; for who has none here, what they are."""
        key = f"{role}/{actor}" if role == "doctor" else actor
        if key not in self._known:
            self._known[key] = self._found(actor, role)
        return self._known[key]

    def role_of(self, actor: str, role: str) -> str:
        """A registrar is no member of the service's staff."""
        self.of(actor, role)
        return "registrar" if actor in self.registrars and role == "staff" else role

    def _found(self, actor: str, role: str) -> str:
        kind, _, name = actor.partition(":")
        match kind:
            case "patient" if actor == f"patient:{self.person.patient_id}":
                return self._own()
            case "staff":
                return self._of_staff(actor, name, role)
            case "share":
                return self._of_link(UUID(name))
            case "laboratory":
                return self._of_laboratory(name)
            case "system":
                return self._word("access.actor.system")
            case _:
                return self._word("access.actor.other")

    def _word(self, message_id: str, **values: object) -> str:
        return phrase(message_id, locale=self.person.locale, **values)

    def _own(self) -> str:
        profile = load_patient(self.person.ledger, self.person.patient_id).profile
        return f"{profile.family} {profile.given}" if profile else self._word("access.actor.you")

    def _of_staff(self, actor: str, handle: str, role: str) -> str:
        ledger = self.person.ledger
        member_id = staff.member_id_of(ledger, handle)
        if role == "doctor":
            return self._of_doctor(member_id)
        member = staff.load_member(ledger, member_id)
        if member is None or member.organisation_id is None:
            return self._word("access.actor.staff")
        self.registrars.add(actor)
        return onboarding.laboratory_of_id(ledger, member.organisation_id).name

    def _of_doctor(self, member_id: StaffMemberId) -> str:
        doctor = doctors.load_doctor(self.person.ledger, member_id)
        if doctor is None:
            return self._word("access.actor.doctor")
        organisation = onboarding.laboratory_of_id(self.person.ledger, doctor.organisation_id)
        return f"{doctor.name}, {organisation.name}"

    def _of_link(self, share_id: UUID) -> str:
        """By what those who opened it called themselves, else by what the patient calls the link."""
        try:
            share = load_share(self.person.ledger, share_id)
        except ShareUnknownError:
            return self._word("access.actor.link")
        stated = [
            one.event.recipient
            for one in self.person.ledger.read(share_id)
            if isinstance(one.event, ShareRecipientStated)
        ]
        label = share.description.label if share.description else None
        name = ", ".join(dict.fromkeys(stated)) or label
        return self._word("access.actor.by_link", name=name) if name else self._word("access.actor.link")

    def _of_laboratory(self, name: str) -> str:
        try:
            return onboarding.laboratory_of_id(self.person.ledger, UUID(name)).name
        except (ValueError, LaboratoryNotFoundError):
            return self._word("access.actor.laboratory")


def _guardians(person: Visit) -> dict[str, str]:
    """What each who represents the patient, or did, is to them."""
    found = guardianships.relations_of_ward(person.ledger, person.patient_id)
    kinds = {
        row.guardian_id: guardianship.look(person.ledger, row.guardianship_id).state.kind for row in found
    }
    return {
        f"patient:{guardian_id}": phrase(f"guardianship.kind.{kind}", locale=person.locale)
        for guardian_id, kind in kinds.items()
    }
