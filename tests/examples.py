"""One full and one minimal example of every event of the ledger, with synthetic people and numbers."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from uuid import UUID

from domain import (
    Event,
    account,
    announcement,
    appeal,
    backup,
    code_map,
    consent,
    consultation,
    consultation_outcome,
    consultation_preparation,
    contact_test,
    correction,
    doctor,
    doctor_hours,
    erasure,
    external_account,
    guardianship,
    identity,
    identity_document,
    key_epoch,
    laboratory,
    linkage,
    medical_card,
    notice_hours,
    notification,
    obligation,
    organisation_registry,
    patient,
    patient_chain,
    permission,
    person_registry,
    proposal,
    push_subscription,
    reading,
    receiving,
    recovery,
    replay_certificate,
    report,
    report_content,
    sample_report,
    sampling,
    session,
    sharing,
    staff,
    staff_session,
    study_request,
    takeover,
    talk_first,
    ticket_events,
    unsaid,
)
from domain.channel import Channel
from domain.notice_hours import Wait
from domain.organisation import Format, OrganisationKind
from domain.policy import PolicyKind
from domain.study_type import StudyType
from domain.submission import (
    RefusalsSummarised,
    ReleaseReason,
    ReportOutcome,
    StoredDocument,
    SubmissionAccepted,
    SubmissionDestroyed,
    SubmissionQuarantined,
    SubmissionReceived,
    SubmissionRefused,
    SubmissionReleased,
    SubmittedReport,
)
from domain.values import (
    Coding,
    Concept,
    Identifier,
    LaboratoryId,
    OrganisationId,
    PatientId,
    Purpose,
    Quantity,
    StaffMemberId,
)

ANNA = PatientId(UUID("a0000000-0000-4000-8000-000000000001"))
IVAN = StaffMemberId(UUID("a0000000-0000-8000-8000-000000000009"))
BORIS = PatientId(UUID("b0000000-0000-4000-8000-000000000001"))
INVITRO = LaboratoryId(UUID("c0000000-0000-8000-8000-000000000001"))
CLINIC = OrganisationId(INVITRO)
REPORT = UUID("d0000000-0000-8000-8000-000000000001")
OTHER_REPORT = UUID("d0000000-0000-8000-8000-000000000002")
SUBMISSION = UUID("e0000000-0000-8000-8000-000000000001")
APPEAL = UUID("f1000000-0000-8000-8000-000000000001")
TICKET = UUID("f2000000-0000-8000-8000-000000000001")
MESSAGE = UUID("f2000000-0000-4000-8000-000000000002")
NOTICE = UUID("f0000000-0000-8000-8000-000000000001")
AUTHENTICATOR = UUID("a1000000-0000-4000-8000-000000000001")
EARLIER_SESSION = UUID("a2000000-0000-4000-8000-000000000001")
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 12, 5, 0, 250000, tzinfo=UTC)
ENP = "9911111111111112"
SNILS = "11223344595"
COMMITMENT = "5f" * 32

MAPPED_CODE = code_map.MappedCode(
    local=code_map.LocalCode(system="urn:lab:codes", code="ГЛЮ-1"),
    standard=Coding(system="http://loinc.org", code="14749-6", display="Глюкоза [моль/объём]"),
    display="Глюкоза",
)

# What auditors look at.

REPLAYED = replay_certificate.HistoryReplayed(
    position=42,
    release="5f1d2c3b4a59",
    tree_size=40,
    root="ab" * 32,
    views=(),
    decisions=replay_certificate.ReplayedDecisions(same=3, differing=0, erased=0),
)

# What a patient gives to others.

SHARED = sharing.ReportsShared(
    patient_id=ANNA,
    kind=sharing.ShareKind.LINK,
    report_ids=(REPORT, OTHER_REPORT),
    until=LATER,
    needs_passcode=True,
    openings_max=3,
)
SHARE_OPENED = sharing.ShareOpened(
    opened_at=NOON, versions=(sharing.OpenedVersion(report_id=REPORT, version=2),)
)

# A doctor, and who talks to them.

DOCTOR = doctor.DoctorIntroduced(
    member_id=IVAN,
    organisation_id=CLINIC,
    speciality=doctor.Speciality.ENDOCRINOLOGY,
    formats=(doctor.ConsultationFormat.VIDEO, doctor.ConsultationFormat.PHONE),
    languages=(doctor.Language.RUSSIAN,),
)
WEEK = doctor_hours.DoctorHoursStated(
    member_id=IVAN,
    time_zone="Europe/Moscow",
    slot_minutes=30,
    break_minutes=10,
    weekly=(doctor_hours.WeeklyStretch(weekday=0, opens="09:00", closes="13:00"),),
)
CONSULTATION = consultation.ConsultationBooked(
    patient_id=ANNA,
    member_id=IVAN,
    organisation_id=CLINIC,
    starts_at=LATER,
    minutes=30,
    format=doctor.ConsultationFormat.VIDEO,
    chosen_at=NOON,
)

# What a laboratory says.

GLUCOSE = Concept(
    codings=(Coding(system="http://loinc.org", code="14749-6", display="Глюкоза"),), text="Глюкоза в плазме"
)
LOW, HIGH = Quantity(value="4.10", unit="ммоль/л"), Quantity(value="6.10", unit="ммоль/л")
MEASURED = Quantity(
    value="7.20", unit="ммоль/л", comparator=">", system="http://unitsofmeasure.org", code="mmol/L"
)
FLAG_HIGH = Concept(codings=(Coding(code="H"),))
SUBJECT = report_content.Subject(
    family="Соколова",
    given=("Анна", "Петровна"),
    name_text="Соколова Анна Петровна",
    birth_date="1984-02-29",
    sex="female",
    identifiers=(
        Identifier(system="urn:oid:1.2.643.2.69.1.1.1.6.228", value=ENP, kind="NI"),
        Identifier(system="urn:oid:1.2.643.100.3", value=SNILS),
    ),
)
OBSERVATION = report_content.Observation(
    code=GLUCOSE,
    status=report_content.ObservationStatus.FINAL,
    value=report_content.Value(
        kind=report_content.ValueKind.RATIO,
        quantity=MEASURED,
        concept=GLUCOSE,
        text="1:2",
        low=LOW,
        high=HIGH,
        numerator=LOW,
        denominator=HIGH,
    ),
    data_absent_reason=Concept(text="не хватило пробы"),
    interpretation=(FLAG_HIGH,),
    reference_ranges=(
        report_content.ReferenceRange(
            low=LOW,
            high=HIGH,
            kind=Concept(text="норма"),
            applies_to=(Concept(text="взрослые"),),
            text="4,1-6,1",
        ),
    ),
    components=(
        report_content.Component(
            code=GLUCOSE,
            value=report_content.Value(kind=report_content.ValueKind.BOOLEAN, text="false"),
            data_absent_reason=Concept(text="нет"),
            interpretation=(FLAG_HIGH,),
            reference_ranges=(report_content.ReferenceRange(),),
        ),
    ),
    members=(0, 2),
    category=(Concept(text="биохимия"),),
    effective_at="2026-11-22T08:15:00+03:00",
    issued_at="2026-11-22T14:00:00+03:00",
    method=Concept(text="гексокиназный"),
    notes=("натощак",),
    source_id="obs-1",
)
MINIMAL_CONTENT = report_content.ReportContent(
    status=report_content.ReportStatus.FINAL, subject=report_content.Subject()
)
CONTENT = report_content.ReportContent(
    status=report_content.ReportStatus.PRELIMINARY,
    subject=SUBJECT,
    identifiers=(Identifier(system="urn:lab:number", value="А-17"),),
    code=Concept(text="Глюкоза"),
    category=(Concept(codings=(Coding(system="v2-0074", code="LAB"),)),),
    effective_at="2026-11-22",
    issued_at="2026-11-22T14:00:00.5+03:00",
    performer="Лаборатория № 1",
    specimens=(
        report_content.Specimen(
            kind=Concept(text="плазма"),
            collected_at="2026-11-22T08:15:00+03:00",
            received_at="2026-11-22T09:00Z",
        ),
    ),
    observations=(OBSERVATION,),
    conclusion="Повышение глюкозы.",
    conclusion_codes=(Concept(text="R73"),),
    notes=("повторить",),
    attachments=(
        report_content.Attachment(
            content_type="application/pdf", title="Бланк", size_bytes=1024, source="/entry/3"
        ),
    ),
    source_id="report-1",
)
FINAL_CONTENT = replace(CONTENT, status=report_content.ReportStatus.FINAL)

PROFILE = patient.ProfileStated(
    family="Соколова", given="Анна", patronymic="Петровна", birth_date="1984-02-29", sex="female", snils=SNILS
)
DOCUMENT = consent.ConsentDocument(
    kind=consent.ConsentKind.RESULTS_TRANSFER, version=2, language="ru", sha256="ab" * 32
)
REGISTERED = laboratory.LaboratoryRegistered(
    handle="invitro", name="Лаборатория Инвитро", inn="7707083893", ogrn="1027700132195"
)
KIND = laboratory.LaboratoryKindStated(kind=OrganisationKind.CLINIC)
OID = laboratory.LaboratoryOidStated(oid="1.2.643.5.1.13.13.12.2.77.9999")
ACCREDITED = laboratory.LaboratoryAccredited(certificate_number="RA.RU.21АБ01", valid_until=date(2027, 6, 30))
FORMATS = laboratory.LaboratoryFormatsAllowed(formats=(Format.FHIR, Format.HL7_V2))
STUDY_TYPES = laboratory.LaboratoryStudyTypesAllowed(
    study_types=(StudyType.BLOOD_COUNT, StudyType.BIOCHEMISTRY)
)
DEPARTMENT = laboratory.DepartmentAdded(code="УЗИ-1", name="Отделение УЗИ", section=StudyType.INSTRUMENTAL)
RECEIVED = report.ReportReceived(laboratory_id=INVITRO, submission_id=SUBMISSION, content=CONTENT)
MATCHED = report.ReportMatched(patient_id=ANNA, matched_by="enp")
OBLIGATION = obligation.ObligationArose(
    patient_id=ANNA,
    duty=obligation.Duty.DESTROY_DATA,
    ground=obligation.Ground.WITHDRAWAL,
    due=date(2026, 12, 23),
    consent_id=UUID("e0000000-0000-8000-8000-00000000000c"),
    consent_version=4,
)
BASIS = permission.Basis(
    at=LATER,
    looked_at=(
        permission.LookedAt(
            what="consent/results-transfer",
            stream_id=UUID("e0000000-0000-8000-8000-00000000000c"),
            version=3,
        ),
    ),
)
UNMATCHED = report.ReportUnmatched(patient_id=ANNA, reason=report.UnmatchReason.WITHDRAWN_BY_LABORATORY)
HELD = replace(RECEIVED, content=MINIMAL_CONTENT)
REVISED = report.ReportRevised(laboratory_id=INVITRO, submission_id=SUBMISSION, content=FINAL_CONTENT)
SENDER = laboratory.LaboratorySenderAdded(application="LIS", facility="INVITRO")
SUBMITTED = SubmissionReceived(
    laboratory_id=INVITRO,
    key_id="thumbprint",
    content_type="application/fhir+json",
    content_commitment=COMMITMENT,
    document=StoredDocument(
        document_id=UUID("e0000000-0000-4000-8000-00000000000d"),
        key_id=UUID("e0000000-0000-4000-8000-00000000000f"),
        sealed_sha256="cd" * 32,
        commitment="ef" * 32,
        size_bytes=4096,
    ),
)
REQUESTED = notification.NotificationRequested(
    patient_id=ANNA,
    report_id=REPORT,
    report_version=1,
    channel=Channel.EMAIL,
    consent_id=UUID("e0000000-0000-8000-8000-00000000000c"),
    consent_version=3,
)
SUPPRESSED = notification.NotificationSuppressed(
    patient_id=ANNA,
    report_id=REPORT,
    report_version=1,
    channel=Channel.EMAIL,
    reason="email-missing",
)
ATTEMPTED = notification.NotificationAttempted(attempt=1, lease_until=LATER, consent_version=3)
FAILED = notification.NotificationFailed(attempt=1, reason="mailbox-full", retry_at=LATER)
UNKNOWN = notification.NotificationOutcomeUnknown(attempt=1, stage="worker-lost", retry_at=LATER)
OTHER_NOTIFICATION = UUID("e0000000-0000-8000-8000-00000000001d")
CHANNELS_SUPPRESSED = announcement.ChannelsSuppressed(
    patient_id=ANNA,
    report_id=REPORT,
    report_version=1,
    channels=(
        announcement.SuppressedChannel(channel=Channel.SMS, reason="not-wanted"),
        announcement.SuppressedChannel(channel=Channel.PUSH, reason="push-missing"),
    ),
)
APPEALED = appeal.AppealSubmitted(
    patient_id=ANNA,
    organisation_id=CLINIC,
    number="7K3-M9Q-2DX",
    answer_due=LATER,
    consent_id=REQUESTED.consent_id,
    consent_version=3,
)
# The user agent of RFC 8291, section 5.
BROWSER = push_subscription.PushAddressStated(
    subscription_id=UUID(int=77),
    endpoint="https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
    p256dh="BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    auth="BTBZMqHH6r4Tts7J_aSIgg",
    label="Firefox, Linux",
)
APPEAL_CONTENT = appeal.AppealContentStated(
    family="Соколова",
    given="Анна",
    patronymic="Петровна",
    birth_date="1984-02-29",
    policy=ENP,
    email="anna@example.test",
    organisation_name="Лаборатория Инвитро",
    inn="7707083893",
    okpo="00242766",
)
READ = reading.ReportRead(
    patient_id=ANNA, report_id=REPORT, report_version=2, purpose=reading.ReadingPurpose.OWN_CABINET
)
OWED = correction.CorrectionOwed(
    patient_id=ANNA,
    report_id=REPORT,
    report_version=3,
    position=4711,
    party=f"patient:{ANNA}",
    kind=correction.PartyKind.PATIENT,
    exposures=(
        correction.Exposure(report_version=2, position=4700),
        correction.Exposure(report_version=2, position=4705, medium=reading.Medium.PDF),
    ),
    changes=(unsaid.Change.VALUE, unsaid.Change.FLAG),
)

IDENTITY_DOCUMENT = identity_document.IdentityDocument(
    kind=identity_document.DocumentKind.PASSPORT_RF,
    series="4500",
    number="000001",
    issued_on=date(2004, 4, 1),
    issuer_code="770-001",
)
SCAN = identity.ScanAdded(
    patient_id=ANNA,
    scan_id=UUID("e0000000-0000-4000-8000-000000000011"),
    kind=identity.ScanKind.IDENTITY_DOCUMENT,
    media_type="image/png",
    document=SUBMITTED.document,
)

GUARDIAN_AND_WARD = {"guardian_id": ANNA, "ward_id": BORIS}
WARD = guardianship.WardDescribed(
    family="Соколов",
    given="Михаил",
    patronymic="Ильич",
    birth_date="2019-05-17",
    sex="male",
    snils="90000005900",
    policy=ENP,
    capacity=guardianship.WardCapacity.MINOR,
    document=guardianship.GuardianshipDocument.BIRTH_CERTIFICATE,
    document_number="I-АБ 000001",
)
SAMPLING_POINT = sampling.SamplingPointStated(
    organisation_id=CLINIC,
    code="П-1",
    name="Процедурный кабинет",
    address="Москва, ул. Примерная, 1",
    time_zone="Europe/Moscow",
    weekdays=(0, 1, 2, 3, 4),
    opens="08:00",
    closes="11:00",
    slot_minutes=15,
)


def both(only: Event) -> tuple[Event, Event]:
    """An event without optional fields: its full and its minimal example are one."""
    return only, only


# Stored name -> the full example, the minimal one.
EXAMPLES: dict[str, tuple[Event, Event]] = {
    "PatientRegistered": both(patient.PatientRegistered(locale="ru")),
    "PhoneStated": both(patient.PhoneStated(phone="+79990000001")),
    "PhoneConfirmed": both(patient.PhoneConfirmed()),
    "PasswordSet": both(patient.PasswordSet()),
    "ProfileStated": (PROFILE, replace(PROFILE, patronymic=None)),
    "EmailStated": both(patient.EmailStated(email="anna@example.test")),
    "EmailConfirmed": both(patient.EmailConfirmed()),
    "ContactUnreachable": both(patient.ContactUnreachable(channel=Channel.EMAIL, reason="5.1.1")),
    "ContactReachable": both(patient.ContactReachable(channel=Channel.SMS)),
    "ContactTested": (
        contact_test.ContactTested(
            patient_id=ANNA,
            channel=Channel.EMAIL,
            outcome=contact_test.ProviderAnswer.REFUSED,
            code="550 5.1.1",
        ),
        contact_test.ContactTested(
            patient_id=ANNA, channel=Channel.PUSH, outcome=contact_test.ProviderAnswer.HANDED_OVER
        ),
    ),
    "PolicyLinked": both(patient.PolicyLinked(number=ENP)),
    "PolicyUnlinked": both(patient.PolicyUnlinked()),
    "LaboratoryPatientIdLinked": both(
        patient.LaboratoryPatientIdLinked(laboratory_id=INVITRO, system="urn:lab:patients", number="П-0042")
    ),
    "LaboratoryPatientIdUnlinked": both(
        patient.LaboratoryPatientIdUnlinked(laboratory_id=INVITRO, system="", number="П-0042")
    ),
    "ScanAdded": both(SCAN),
    "ScanRemoved": both(identity.ScanRemoved(patient_id=ANNA, scan_id=SCAN.scan_id)),
    "IdentityCheckRequested": both(identity.IdentityCheckRequested(patient_id=ANNA, profile_number=1)),
    "IdentityConfirmed": both(
        identity.IdentityConfirmed(patient_id=ANNA, profile_number=1, proof=identity.Proof.OPERATOR)
    ),
    "IdentityRefused": (
        identity.IdentityRefused(
            patient_id=ANNA, profile_number=1, reason=identity.Cause.DATA_DIFFER, field="birth_date"
        ),
        identity.IdentityRefused(patient_id=ANNA, profile_number=1, reason=identity.Cause.PROOF_FAILED),
    ),
    "IdentityExpired": both(identity.IdentityExpired(patient_id=ANNA)),
    "ProfileSuspended": both(
        identity.ProfileSuspended(patient_id=ANNA, reason=identity.SuspensionReason.UNPAID_FINES)
    ),
    "ProfileRestored": both(identity.ProfileRestored(patient_id=ANNA)),
    "IdentityRead": both(reading.IdentityRead(patient_id=ANNA, purpose=reading.ReadingPurpose.OPERATION)),
    "ScanRead": both(
        reading.ScanRead(patient_id=ANNA, scan_id=SCAN.scan_id, purpose=reading.ReadingPurpose.OPERATION)
    ),
    "PersonsImported": both(person_registry.PersonsImported(count=100_000, sha256="ab" * 32)),
    "GuardianshipRequested": both(
        guardianship.GuardianshipRequested(guardian_id=ANNA, kind=guardianship.GuardianshipKind.PARENT)
    ),
    "WardDescribed": (WARD, replace(WARD, patronymic=None, policy=None)),
    "GuardianshipConfirmed": both(guardianship.GuardianshipConfirmed(**GUARDIAN_AND_WARD)),
    "GuardianshipRefused": both(
        guardianship.GuardianshipRefused(
            guardian_id=ANNA, reason=guardianship.GuardianshipRefusal.DETAILS_DIFFER
        )
    ),
    "GuardianshipEnded": both(
        guardianship.GuardianshipEnded(**GUARDIAN_AND_WARD, reason=guardianship.GuardianshipEnd.AGE_REACHED)
    ),
    "SectionsHidden": both(
        guardianship.SectionsHidden(
            **GUARDIAN_AND_WARD,
            sections=(StudyType.GENETICS,),
            keeper=guardianship.SectionKeeper.OPERATOR,
        )
    ),
    "SectionsShown": both(
        guardianship.SectionsShown(
            **GUARDIAN_AND_WARD,
            sections=(StudyType.BLOOD_COUNT, StudyType.BIOCHEMISTRY),
            keeper=guardianship.SectionKeeper.WARD,
        )
    ),
    "CabinetClaimed": both(takeover.CabinetClaimed(claimant_id=ANNA)),
    "ClaimantDescribed": both(
        takeover.ClaimantDescribed(snils=SNILS, birth_date="2008-05-17", document_number="4500 000001")
    ),
    "CabinetHandedOver": both(takeover.CabinetHandedOver(claimant_id=ANNA, ward_id=BORIS)),
    "CabinetClaimRefused": both(
        takeover.CabinetClaimRefused(claimant_id=ANNA, reason=takeover.ClaimRefusal.DETAILS_DIFFER)
    ),
    "SessionOpened": (
        session.SessionOpened(patient_id=ANNA, factors=("password", "phone-code")),
        session.SessionOpened(patient_id=ANNA, factors=()),
    ),
    "SessionClosed": both(session.SessionClosed(reason="signed-out")),
    "AuthenticatorAdded": both(
        account.AuthenticatorAdded(
            patient_id=ANNA, authenticator_id=AUTHENTICATOR, kind=account.AuthenticatorKind.PASSKEY
        )
    ),
    "AuthenticatorNamed": both(
        account.AuthenticatorNamed(authenticator_id=AUTHENTICATOR, label="Телефон Анны")
    ),
    "AuthenticatorRemoved": both(
        account.AuthenticatorRemoved(patient_id=ANNA, authenticator_id=AUTHENTICATOR)
    ),
    "AuthenticatorSuspected": both(
        account.AuthenticatorSuspected(patient_id=ANNA, authenticator_id=AUTHENTICATOR)
    ),
    "RecoveryCodesIssued": both(account.RecoveryCodesIssued(patient_id=ANNA, count=10)),
    "RecoveryCodeUsed": both(account.RecoveryCodeUsed(patient_id=ANNA)),
    "SmsCodesTurnedOff": both(account.SmsCodesTurnedOff(patient_id=ANNA)),
    "SmsCodesTurnedOn": both(account.SmsCodesTurnedOn(patient_id=ANNA)),
    "SignInRefused": both(session.SignInRefused(patient_id=ANNA, reason="password-wrong")),
    "PasswordRecoveryRequested": both(recovery.PasswordRecoveryRequested(patient_id=ANNA, opens_at=LATER)),
    "PasswordRecoveryCancelled": both(recovery.PasswordRecoveryCancelled(patient_id=ANNA)),
    "PasswordRecovered": (
        recovery.PasswordRecovered(patient_id=ANNA, proofs=("sms-code", "totp")),
        recovery.PasswordRecovered(patient_id=ANNA, proofs=()),
    ),
    "ExternalAccountLinked": both(
        external_account.ExternalAccountLinked(patient_id=ANNA, provider="esia", account="1000299654")
    ),
    "ExternalAccountUnlinked": both(
        external_account.ExternalAccountUnlinked(patient_id=ANNA, provider="esia")
    ),
    "OrganisationLinked": both(linkage.OrganisationLinked(patient_id=ANNA, organisation_id=CLINIC)),
    "OrganisationUnlinked": both(linkage.OrganisationUnlinked(patient_id=ANNA, organisation_id=CLINIC)),
    "DepartmentChosen": both(linkage.DepartmentChosen(code="04")),
    "OrganisationAwaited": (
        linkage.OrganisationAwaited(
            patient_id=ANNA,
            organisation_id=CLINIC,
            oid="1.2.643.5.1.13.13.12.2.77.1",
            inn="7707083893",
            ogrn="1027700132195",
            registry="9f" * 32,
        ),
        linkage.OrganisationAwaited(
            patient_id=ANNA,
            organisation_id=CLINIC,
            oid="1.2.643.5.1.13.13.12.2.77.1",
            inn="7707083893",
            ogrn="1027700132195",
        ),
    ),
    "OrganisationConnected": both(
        linkage.OrganisationConnected(patient_id=ANNA, organisation_id=CLINIC, laboratory_id=INVITRO)
    ),
    "CardClaimed": both(medical_card.CardClaimed(patient_id=ANNA, laboratory_id=INVITRO)),
    "CardNumberStated": both(medical_card.CardNumberStated(number="П-0042")),
    "CardConfirmed": both(medical_card.CardConfirmed(patient_id=ANNA, laboratory_id=INVITRO)),
    "CardRefused": both(
        medical_card.CardRefused(
            patient_id=ANNA, laboratory_id=INVITRO, reason=medical_card.CardRefusal.OTHER_PERSON
        )
    ),
    "CardNumberRead": both(
        medical_card.CardNumberRead(
            patient_id=ANNA, laboratory_id=INVITRO, purpose=reading.ReadingPurpose.OPERATION
        )
    ),
    "OrganisationRegistryImported": both(
        organisation_registry.OrganisationRegistryImported(
            sha256="9f" * 32, rows=100_000, refused=3, as_of=date(2026, 11, 1)
        )
    ),
    "CollectionPointsImported": both(
        organisation_registry.CollectionPointsImported(
            sha256="7a" * 32, rows=200, refused=0, as_of=date(2026, 11, 1)
        )
    ),
    "ConsentGranted": (
        consent.ConsentGranted(patient_id=ANNA, document=DOCUMENT, organisations=(CLINIC,)),
        consent.ConsentGranted(patient_id=ANNA, document=DOCUMENT),
    ),
    "ConsentWithdrawn": both(
        consent.ConsentWithdrawn(patient_id=ANNA, kind=consent.ConsentKind.RESULTS_TRANSFER)
    ),
    "ReceivingSettingsChanged": (
        receiving.ReceivingSettingsChanged(
            patient_id=ANNA,
            channels=(Channel.EMAIL, Channel.SMS),
            periodicity=receiving.Periodicity.DAILY,
            document_format=receiving.DocumentFormat.XML,
            check_list=receiving.CheckList.WEEKLY,
            declined_study_types=(StudyType.GENETICS,),
            declines_others=True,
            has_no_notices=True,
        ),
        receiving.ReceivingSettingsChanged(
            patient_id=ANNA,
            channels=(),
            periodicity=receiving.Periodicity.AS_READY,
            document_format=receiving.DocumentFormat.PDF,
            check_list=receiving.CheckList.MONTHLY,
        ),
    ),
    "NoticeHoursChosen": (
        notice_hours.NoticeHoursChosen(
            patient_id=ANNA,
            time_zone="Asia/Yekaterinburg",
            quiet_from=time(23, 30),
            quiet_until=time(7),
            digest_hour=18,
            digest_weekday=5,
            urgent_at_night=True,
        ),
        notice_hours.NoticeHoursChosen(
            patient_id=ANNA,
            quiet_from=time(0),
            quiet_until=time(0),
            digest_hour=9,
            digest_weekday=1,
        ),
    ),
    "AutomaticTransferTurnedOff": both(
        receiving.AutomaticTransferTurnedOff(patient_id=ANNA, organisation_id=CLINIC)
    ),
    "AutomaticTransferTurnedOn": both(
        receiving.AutomaticTransferTurnedOn(patient_id=ANNA, organisation_id=CLINIC)
    ),
    "TalkFirstChosen": (
        talk_first.TalkFirstChosen(
            patient_id=ANNA, sections=(StudyType.GENETICS, StudyType.PATHOLOGY), includes_others=True
        ),
        talk_first.TalkFirstChosen(patient_id=ANNA),
    ),
    "KeptReportShown": both(talk_first.KeptReportShown(patient_id=ANNA, report_id=REPORT)),
    "KeptReportReleased": both(talk_first.KeptReportReleased(patient_id=ANNA, report_id=REPORT)),
    "PushSubscribed": both(push_subscription.PushSubscribed(patient_id=ANNA, subscription_id=UUID(int=77))),
    "PushAddressStated": (BROWSER, replace(BROWSER, label=None)),
    "PushUnsubscribed": both(
        push_subscription.PushUnsubscribed(patient_id=ANNA, subscription_id=UUID(int=77))
    ),
    "PushSubscriptionEnded": both(
        push_subscription.PushSubscriptionEnded(
            patient_id=ANNA, subscription_id=UUID(int=77), reason=push_subscription.PushEnd.GONE
        )
    ),
    "AppealSubmitted": both(APPEALED),
    "AppealContentStated": (APPEAL_CONTENT, replace(APPEAL_CONTENT, patronymic=None)),
    "AppealTaken": both(appeal.AppealTaken()),
    "AppealAnswered": (
        appeal.AppealAnswered(
            outcome=appeal.Outcome.REFUSED,
            reason=appeal.RefusalReason.DATA_DIFFER,
            field=appeal.AppealField.BIRTH_DATE,
        ),
        appeal.AppealAnswered(outcome=appeal.Outcome.ACTIVATED),
    ),
    "AppealAnswerExplained": both(appeal.AppealAnswerExplained(text="У нас другая дата рождения.")),
    "AppealReminded": both(appeal.AppealReminded()),
    "AppealEscalated": both(appeal.AppealEscalated()),
    "AppealStatusRequested": both(appeal.AppealStatusRequested(asked_at=LATER)),
    "AppealRepeated": both(
        appeal.AppealRepeated(answer_due=LATER, consent_id=REQUESTED.consent_id, consent_version=3)
    ),
    "AppealWithdrawn": both(appeal.AppealWithdrawn()),
    "AppealRead": both(
        reading.AppealRead(patient_id=ANNA, appeal_id=APPEAL, purpose=reading.ReadingPurpose.OPERATION)
    ),
    "TicketOpened": both(
        ticket_events.TicketOpened(
            patient_id=ANNA,
            number="261123-7KQ4M-X",
            kind=ticket_events.TicketKind.TECHNICAL,
            topic=ticket_events.TicketTopic.OWN_WORDS,
            priority=ticket_events.TicketPriority.MEDIUM,
            way=ticket_events.TicketWay.FORM,
            message_id=MESSAGE,
            answer_due=LATER,
        )
    ),
    "TicketTextWritten": (
        ticket_events.TicketTextWritten(message_id=MESSAGE, text="Нет анализов.", subject="Где они?"),
        ticket_events.TicketTextWritten(message_id=MESSAGE, text="Нет анализов."),
    ),
    "TicketFileAttached": both(
        ticket_events.TicketFileAttached(
            message_id=MESSAGE,
            file_id=UUID("f3000000-0000-4000-8000-000000000001"),
            media_type="application/pdf",
            document=SUBMITTED.document,
        )
    ),
    "TicketMessageAdded": (
        ticket_events.TicketMessageAdded(message_id=MESSAGE, answer_due=LATER),
        ticket_events.TicketMessageAdded(message_id=MESSAGE),
    ),
    "TicketTaken": both(ticket_events.TicketTaken(handle="vera")),
    "TicketHandedOver": (
        ticket_events.TicketHandedOver(handle="oleg"),
        ticket_events.TicketHandedOver(),
    ),
    "TicketAnswered": (
        ticket_events.TicketAnswered(message_id=MESSAGE, asks=True),
        ticket_events.TicketAnswered(message_id=MESSAGE),
    ),
    "TicketNoted": both(ticket_events.TicketNoted(message_id=MESSAGE)),
    "TicketClosed": both(ticket_events.TicketClosed(closed_by=ticket_events.Side.PATIENT)),
    "TicketReopened": both(
        ticket_events.TicketReopened(
            message_id=MESSAGE, priority=ticket_events.TicketPriority.HIGH, answer_due=LATER
        )
    ),
    "TicketEscalated": both(ticket_events.TicketEscalated()),
    "TicketPatientTold": both(
        ticket_events.TicketPatientTold(telling=ticket_events.Telling.ANSWERED, outcome="handed-over")
    ),
    "TicketRead": (
        reading.TicketRead(
            patient_id=ANNA,
            ticket_id=TICKET,
            ticket_version=2,
            purpose=reading.ReadingPurpose.OPERATION,
            file_id=UUID("f3000000-0000-4000-8000-000000000001"),
        ),
        reading.TicketRead(
            patient_id=ANNA,
            ticket_id=TICKET,
            ticket_version=2,
            purpose=reading.ReadingPurpose.OWN_CABINET,
        ),
    ),
    "ConsultationRead": both(
        reading.ConsultationRead(
            patient_id=ANNA, consultation_id=OTHER_REPORT, purpose=reading.ReadingPurpose.TREATMENT
        )
    ),
    "RecordsExported": (
        reading.RecordsExported(
            patient_id=ANNA,
            records=reading.ExportedRecords.AUDIT_TRAIL,
            form=reading.ExportForm.FHIR_NDJSON,
            after=0,
            until=42,
            purpose=reading.ReadingPurpose.COMPLIANCE,
        ),
        reading.RecordsExported(
            patient_id=None,
            records=reading.ExportedRecords.EVENTS,
            form=reading.ExportForm.PARQUET,
            after=7,
            until=42,
            purpose=reading.ReadingPurpose.AUDIT,
        ),
    ),
    "StreamReplayed": (
        reading.StreamReplayed(
            patient_id=ANNA, stream_id=REPORT, position=42, purpose=reading.ReadingPurpose.AUDIT
        ),
        reading.StreamReplayed(
            patient_id=None, stream_id=REPORT, position=42, purpose=reading.ReadingPurpose.AUDIT
        ),
    ),
    "DecisionsTried": (
        reading.DecisionsTried(
            position=42,
            policy="notices-need-linkage",
            differing=2,
            purpose=reading.ReadingPurpose.AUDIT,
        ),
        reading.DecisionsTried(position=42, policy=None, differing=0, purpose=reading.ReadingPurpose.AUDIT),
    ),
    "EvidenceTaken": (
        reading.EvidenceTaken(
            patient_id=ANNA,
            evidence=reading.Evidence.REPORT,
            about=REPORT,
            purpose=reading.ReadingPurpose.OWN_CABINET,
        ),
        reading.EvidenceTaken(
            patient_id=None,
            evidence=reading.Evidence.EVENT,
            about=None,
            purpose=reading.ReadingPurpose.AUDIT,
        ),
    ),
    "ChainsCommitted": both(patient_chain.ChainsCommitted(position=42, root="ab" * 32, patients=3)),
    "HistoryReplayed": (
        replace(
            REPLAYED,
            views=(
                replay_certificate.ReplayedView(
                    name="cabinet", sha256="ab" * 32, rebuilt_sha256="cd" * 32, differs_at=17, parked=1
                ),
            ),
            decisions=replay_certificate.ReplayedDecisions(same=3, differing=1, erased=2, differs_at=21),
            finding="the leaf does not agree with its row",
            finding_index=12,
        ),
        REPLAYED,
    ),
    "ErasureOrdered": (
        erasure.ErasureOrdered(
            patient_id=ANNA,
            ground=erasure.ErasureGround.ORDER,
            due=date(2026, 12, 23),
            obligation_id=UUID(int=78),
            reference="77-15/2026",
        ),
        erasure.ErasureOrdered(
            patient_id=ANNA, ground=erasure.ErasureGround.WITHDRAWAL, due=date(2026, 12, 23)
        ),
    ),
    "ErasureConfirmed": both(erasure.ErasureConfirmed(patient_id=ANNA)),
    "ErasureCalledOff": both(erasure.ErasureCalledOff(patient_id=ANNA)),
    "ErasureHeld": (
        erasure.ErasureHeld(
            patient_id=ANNA,
            hold_id=UUID(int=79),
            reason=erasure.HoldReason.LEGAL_CLAIM,
            until=date(2027, 1, 31),
            reference="А40-1/2026",
        ),
        erasure.ErasureHeld(patient_id=ANNA, hold_id=UUID(int=79), reason=erasure.HoldReason.MEDICAL_RECORDS),
    ),
    "HoldReleased": both(erasure.HoldReleased(patient_id=ANNA, hold_id=UUID(int=79))),
    "PatientErased": both(
        erasure.PatientErased(
            patient_id=ANNA,
            ground=erasure.ErasureGround.WITHDRAWAL,
            destroyed=erasure.Destroyed(keys=9, documents=4, marks=3, reports=2),
            epochs=(1, 2),
        )
    ),
    "ErasureCompleted": both(erasure.ErasureCompleted(patient_id=ANNA, epochs=(1, 2))),
    "DestructionActDrawn": both(
        erasure.DestructionActDrawn(
            patient_id=ANNA,
            number="2026-0001",
            operator_name="Оператор системы «Летопись»",
            operator_address="Москва, Тестовая ул., 1",
            purposes=(Purpose.CONTACTS, Purpose.IDENTITY, Purpose.RESULTS),
            act_sha256="ab" * 32,
            extract_sha256="cd" * 32,
            keep_until=date(2029, 12, 23),
        )
    ),
    "KeyEpochBegun": both(key_epoch.KeyEpochBegun(epoch=2)),
    "KeysRewrapped": both(key_epoch.KeysRewrapped(epoch=1, keys=120)),
    "KeyEpochDestroyed": both(key_epoch.KeyEpochDestroyed(epoch=1)),
    "BackupTaken": both(
        backup.BackupTaken(
            backup_id=UUID(int=80), position=42, tree_size=40, epochs=(1,), manifest_sha256="ab" * 32
        )
    ),
    "BackupProved": both(backup.BackupProved(backup_id=UUID(int=80), position=42, tree_size=40)),
    "LedgerRestored": both(backup.LedgerRestored(backup_id=UUID(int=80), position=42, tree_size=40)),
    "BackupDiscarded": both(backup.BackupDiscarded(backup_id=UUID(int=80))),
    "PersonalDataTaken": both(
        reading.PersonalDataTaken(patient_id=ANNA, purpose=reading.ReadingPurpose.OWN_CABINET)
    ),
    "DocumentPasswordRead": both(
        reading.DocumentPasswordRead(
            patient_id=ANNA,
            report_id=REPORT,
            report_version=2,
            notification_id=UUID(int=77),
            purpose=reading.ReadingPurpose.OWN_CABINET,
        )
    ),
    "ObligationArose": (
        replace(OBLIGATION, organisation_id=CLINIC),
        OBLIGATION,
    ),
    "ObligationExtended": both(
        obligation.ObligationExtended(ground=obligation.Ground.BLOCKED_UNTIL_DESTROYED, due=date(2027, 5, 23))
    ),
    "ObligationMet": both(obligation.ObligationMet(proof=obligation.Proof.CONSENT_WITHDRAWN)),
    "ObligationLifted": both(
        obligation.ObligationLifted(consent_id=OBLIGATION.consent_id, consent_version=5)
    ),
    "ConsentExpired": both(
        consent.ConsentExpired(patient_id=ANNA, kind=consent.ConsentKind.RESULTS_TRANSFER, until=LATER)
    ),
    "SamplingPointStated": (
        replace(SAMPLING_POINT, study_types=(StudyType.BLOOD_COUNT,)),
        SAMPLING_POINT,
    ),
    "SamplingPointClosed": both(sampling.SamplingPointClosed(organisation_id=CLINIC, code="П-1")),
    "StudyRequested": (
        study_request.StudyRequested(patient_id=ANNA, organisation_id=CLINIC, is_urgent=True),
        study_request.StudyRequested(patient_id=ANNA, organisation_id=CLINIC),
    ),
    "StudyChosen": both(
        study_request.StudyChosen(
            number="7K2QM-0XRTA", code="58410-2", coverage=study_request.Coverage.POLICY
        )
    ),
    "StudyPaid": (
        study_request.StudyPaid(said_by=study_request.PaymentWord.PATIENT, receipt_number="ФД 4471"),
        study_request.StudyPaid(said_by=study_request.PaymentWord.ORGANISATION),
    ),
    "SamplingScheduled": both(study_request.SamplingScheduled(point="П-1", starts_at=LATER)),
    "SampleTaken": both(study_request.SampleTaken(taken_at=NOON)),
    "SampleReachedLaboratory": both(study_request.SampleReachedLaboratory(reached_at=NOON)),
    "StudyRequestFulfilled": both(study_request.StudyRequestFulfilled(report_id=REPORT, found_by="code")),
    "StudyRequestCancelled": both(study_request.StudyRequestCancelled(reason="patient")),
    "DoctorIntroduced": both(DOCTOR),
    "DoctorDescribed": (
        doctor.DoctorDescribed(
            name="Орлова Вера Павловна",
            phone="+79990001122",
            meeting_link="https://meet.example.org/orlova",
        ),
        doctor.DoctorDescribed(name="Орлова Вера Павловна"),
    ),
    "DoctorEnded": both(doctor.DoctorEnded()),
    "DoctorHoursStated": (
        replace(WEEK, works_on_holidays=True),
        WEEK,
    ),
    "DoctorDayStated": (
        doctor_hours.DoctorDayStated(
            member_id=IVAN,
            day=date(2026, 12, 31),
            hours=(doctor_hours.Stretch(opens="09:00", closes="12:00"),),
        ),
        doctor_hours.DoctorDayStated(member_id=IVAN, day=date(2026, 12, 31)),
    ),
    "DoctorDayCleared": both(doctor_hours.DoctorDayCleared(member_id=IVAN, day=date(2026, 12, 31))),
    "ConsultationBooked": (replace(CONSULTATION, follows=OTHER_REPORT), CONSULTATION),
    "ConsultationPrepared": (
        consultation_preparation.ConsultationPrepared(
            study_type=StudyType.HORMONES, questions=("Нужно ли пересдать анализ?",)
        ),
        consultation_preparation.ConsultationPrepared(),
    ),
    "ResultsAttached": (
        consultation_preparation.ResultsAttached(report_ids=(REPORT,), until=LATER, share_id=OTHER_REPORT),
        consultation_preparation.ResultsAttached(report_ids=(REPORT,), until=LATER),
    ),
    "ConsultationScanAttached": both(
        consultation_preparation.ConsultationScanAttached(
            scan_id=REPORT, media_type="application/pdf", document=SUBMITTED.document
        )
    ),
    "ConsultationScanRemoved": both(consultation_preparation.ConsultationScanRemoved(scan_id=REPORT)),
    "ConsultationMoved": both(
        consultation.ConsultationMoved(
            starts_at=LATER, minutes=20, format=doctor.ConsultationFormat.PHONE, chosen_at=NOON
        )
    ),
    "ConsultationCancelled": both(
        consultation.ConsultationCancelled(reason=consultation.CancelReason.DOCTOR_UNAVAILABLE)
    ),
    "ConsultationReminded": both(
        consultation.ConsultationReminded(reminder=consultation.Reminder.HOUR_BEFORE, starts_at=LATER)
    ),
    "ConsultationHeld": both(consultation.ConsultationHeld()),
    "PatientMissed": both(consultation.PatientMissed()),
    "HistoryTaken": both(consultation_outcome.HistoryTaken(text="Жалобы на утомляемость в течение месяца.")),
    "ConclusionGiven": both(consultation_outcome.ConclusionGiven(text="Дефицит железа без анемии.")),
    "PrescriptionGiven": both(
        consultation_outcome.PrescriptionGiven(
            number=1, drug="Железа сульфат", dose="100 мг раз в день", course="3 месяца"
        )
    ),
    "PrescriptionStopped": both(consultation_outcome.PrescriptionStopped(number=1)),
    "ReferralGiven": (
        consultation_outcome.ReferralGiven(number=1, code="3016-3", note="натощак"),
        consultation_outcome.ReferralGiven(number=1, code="3016-3"),
    ),
    "ReferralTaken": both(consultation_outcome.ReferralTaken(number=1, request_id=REPORT)),
    "NextVisitSuggested": (
        consultation_outcome.NextVisitSuggested(
            format=doctor.ConsultationFormat.IN_PERSON, note="через три месяца с анализом"
        ),
        consultation_outcome.NextVisitSuggested(format=doctor.ConsultationFormat.VIDEO),
    ),
    "NextVisitBooked": both(consultation_outcome.NextVisitBooked(consultation_id=OTHER_REPORT)),
    "LaboratoryRegistered": both(REGISTERED),
    "LaboratoryKindStated": both(KIND),
    "LaboratoryOidStated": both(OID),
    "LaboratoryAccredited": (ACCREDITED, replace(ACCREDITED, valid_until=None)),
    "LaboratoryFormatsAllowed": (FORMATS, laboratory.LaboratoryFormatsAllowed()),
    "LaboratoryStudyTypesAllowed": (STUDY_TYPES, laboratory.LaboratoryStudyTypesAllowed()),
    "DepartmentAdded": both(DEPARTMENT),
    "DepartmentRemoved": both(laboratory.DepartmentRemoved(code="УЗИ-1")),
    "LaboratoryKeyAdded": both(laboratory.LaboratoryKeyAdded(key_id="thumbprint", public_key="x" * 43)),
    "LaboratoryKeyRevoked": both(laboratory.LaboratoryKeyRevoked(key_id="thumbprint", reason="rotated")),
    "LaboratorySenderAdded": (
        replace(SENDER, certificate_sha256="a5" * 32),
        SENDER,
    ),
    "LaboratorySenderRevoked": both(
        laboratory.LaboratorySenderRevoked(application="LIS", facility="INVITRO")
    ),
    "LaboratoryCertificateAdded": both(laboratory.LaboratoryCertificateAdded(certificate_sha256="a5" * 32)),
    "LaboratoryCertificateRevoked": both(
        laboratory.LaboratoryCertificateRevoked(certificate_sha256="a5" * 32)
    ),
    "LocalCodesMapped": (
        code_map.LocalCodesMapped(laboratory_id=INVITRO, codes=(MAPPED_CODE,)),
        code_map.LocalCodesMapped(laboratory_id=INVITRO, codes=()),
    ),
    "LocalCodesUnmapped": (
        code_map.LocalCodesUnmapped(laboratory_id=INVITRO, codes=(MAPPED_CODE.local,)),
        code_map.LocalCodesUnmapped(laboratory_id=INVITRO, codes=()),
    ),
    "SubmissionReceived": both(SUBMITTED),
    "SubmissionAccepted": (
        SubmissionAccepted(
            reports=(
                SubmittedReport(
                    report_id=REPORT, version=1, outcome=ReportOutcome.RECORDED, held="patient-unknown"
                ),
                SubmittedReport(report_id=OTHER_REPORT, version=2, outcome=ReportOutcome.DUPLICATE),
            )
        ),
        SubmissionAccepted(reports=()),
    ),
    "SubmissionQuarantined": (
        SubmissionQuarantined(code="field-missing", field="/entry/0/status"),
        SubmissionQuarantined(code="not-json", field=None),
    ),
    "SubmissionReleased": both(SubmissionReleased(reason=ReleaseReason.SENT_AGAIN)),
    "SubmissionDestroyed": both(SubmissionDestroyed()),
    "SubmissionRefused": (
        SubmissionRefused(code="key-unknown", field="kid", size_bytes=512, laboratory_id=INVITRO),
        SubmissionRefused(code="not-an-envelope", field=None, size_bytes=0),
    ),
    "RefusalsSummarised": both(RefusalsSummarised(count=1_204, size_bytes=5_120_000)),
    "ReportReceived": (RECEIVED, HELD),
    "ReportRevised": (REVISED, replace(REVISED, content=MINIMAL_CONTENT)),
    "ReportMatched": both(MATCHED),
    "MatchProposed": both(
        proposal.MatchProposed(report_id=REPORT, patient_id=ANNA, reason="identity-contradicts")
    ),
    "MatchConfirmed": both(proposal.MatchConfirmed(report_id=REPORT, patient_id=ANNA)),
    "MatchDeclined": both(proposal.MatchDeclined(report_id=REPORT, patient_id=ANNA)),
    "ReportVersionsHeld": both(
        report.ReportVersionsHeld(
            patient_id=ANNA, shown_version=1, reason="transfer-consent-missing", basis=BASIS
        )
    ),
    "ReportVersionsReleased": both(report.ReportVersionsReleased(patient_id=ANNA, basis=BASIS)),
    "ReportUnmatched": (UNMATCHED, replace(UNMATCHED, patient_id=None)),
    "ReportRekeyed": both(report.ReportRekeyed(successor_id=UUID(int=2**64 + 7))),
    "ReportDestroyed": both(report.ReportDestroyed(reason=report.DestructionReason.RETENTION_ENDED)),
    "NotificationRequested": both(REQUESTED),
    "NotificationSuppressed": (
        replace(SUPPRESSED, consent_id=REQUESTED.consent_id, consent_version=4),
        SUPPRESSED,
    ),
    "NotificationAttempted": both(ATTEMPTED),
    "NotificationHandedOver": both(notification.NotificationHandedOver(attempt=1, remote_id="250 2.0.0 q1")),
    "NotificationFailed": (FAILED, replace(FAILED, retry_at=None)),
    "NotificationOutcomeUnknown": (UNKNOWN, replace(UNKNOWN, retry_at=None)),
    "NotificationPostponed": both(
        notification.NotificationPostponed(until=LATER, waits_for=Wait.WEEKLY_DIGEST)
    ),
    "DigestGathered": both(notification.DigestGathered(members=(OTHER_NOTIFICATION,))),
    "NotificationJoined": both(notification.NotificationJoined(digest_id=OTHER_NOTIFICATION)),
    "NotificationDelivered": both(notification.NotificationDelivered(remote_id="7f3a")),
    "NotificationReturned": both(notification.NotificationReturned(remote_id="7f3a", reason="5.1.1")),
    "NotificationAbandoned": both(notification.NotificationAbandoned(reason="by-operator")),
    "NotificationRetried": both(notification.NotificationRetried()),
    "ChannelsSuppressed": (
        replace(CHANNELS_SUPPRESSED, about=announcement.About.CORRECTED, recipient_id=BORIS, basis=BASIS),
        CHANNELS_SUPPRESSED,
    ),
    "SampleReportRequested": both(
        sample_report.SampleReportRequested(patient_id=ANNA, organisation_id=CLINIC)
    ),
    "SampleReportArrived": (
        sample_report.SampleReportArrived(report_id=REPORT, held="not-wanted"),
        sample_report.SampleReportArrived(report_id=REPORT),
    ),
    "SampleReportRemoved": both(sample_report.SampleReportRemoved(report_id=REPORT)),
    "ReportRead": (READ, replace(READ, patient_id=None, purpose=reading.ReadingPurpose.OPERATION)),
    "ReportsListed": both(
        reading.ReportsListed(patient_id=ANNA, count=0, purpose=reading.ReadingPurpose.OWN_CABINET)
    ),
    "AccessLogRead": both(reading.AccessLogRead(patient_id=ANNA, purpose=reading.ReadingPurpose.AUDIT)),
    "HistoryRead": (
        reading.HistoryRead(patient_id=ANNA, purpose=reading.ReadingPurpose.AUDIT),
        reading.HistoryRead(patient_id=None, purpose=reading.ReadingPurpose.AUDIT),
    ),
    "SubmissionRead": both(
        reading.SubmissionRead(submission_id=SUBMISSION, purpose=reading.ReadingPurpose.OPERATION)
    ),
    "CorrectionOwed": (OWED, replace(OWED, report_version=None, changes=(unsaid.Change.GONE,))),
    "CorrectionSpared": both(
        correction.CorrectionSpared(
            patient_id=ANNA,
            report_id=REPORT,
            report_version=3,
            party=f"patient:{ANNA}",
            reason=correction.SpareReason.SAME_FINDINGS,
        )
    ),
    "CorrectionTold": both(
        correction.CorrectionTold(notification_id=UUID(int=77), channel=Channel.SMS),
    ),
    "CorrectionAcknowledged": (
        correction.CorrectionAcknowledged(how=correction.Acknowledgement.OPENED, report_version=3),
        correction.CorrectionAcknowledged(how=correction.Acknowledgement.DECLARED),
    ),
    "CorrectionLapsed": both(correction.CorrectionLapsed(reason=correction.LapseReason.LINK_OVER)),
    "ReportsShared": (
        SHARED,
        sharing.ReportsShared(
            patient_id=ANNA,
            kind=sharing.ShareKind.DOCTOR,
            report_ids=(REPORT,),
            until=LATER,
            member_id=IVAN,
        ),
    ),
    "ShareDescribed": (
        sharing.ShareDescribed(
            label="Для кардиолога", message="Посмотрите, пожалуйста.", token="t" * 43, key="k" * 43
        ),
        sharing.ShareDescribed(),
    ),
    "ShareOpened": (
        replace(SHARE_OPENED, is_told=True),
        SHARE_OPENED,
    ),
    "ShareRecipientStated": (
        sharing.ShareRecipientStated(recipient="Поликлиника № 7", network="192.0.2.0/24"),
        sharing.ShareRecipientStated(recipient="Поликлиника № 7"),
    ),
    "ShareOpeningTold": both(sharing.ShareOpeningTold(outcome="handed-over")),
    "SharePasscodeRefused": both(sharing.SharePasscodeRefused(tries_left=9)),
    "ShareExtended": both(sharing.ShareExtended(until=LATER)),
    "ShareRevoked": both(sharing.ShareRevoked()),
    "ShareClosed": both(sharing.ShareClosed(reason=sharing.ShareEnd.USED_UP)),
    "StaffMemberAdmitted": both(staff.StaffMemberAdmitted(handle="ivan", roles=(staff.Role.OPERATOR,))),
    "StaffMemberEnrolled": both(staff.StaffMemberEnrolled(factors=("password", "totp"))),
    "StaffMemberReset": both(staff.StaffMemberReset()),
    "StaffMemberDismissed": both(staff.StaffMemberDismissed()),
    "StaffSessionOpened": both(
        staff_session.StaffSessionOpened(member_id=IVAN, factors=("password", "totp"))
    ),
    "StaffSessionClosed": both(staff_session.StaffSessionClosed(reason="signed-out")),
    "StaffSignInRefused": both(staff_session.StaffSignInRefused(member_id=IVAN, reason="code-wrong")),
    "ProposalRead": both(
        reading.ProposalRead(
            patient_id=ANNA, report_id=REPORT, report_version=1, purpose=reading.ReadingPurpose.OPERATION
        )
    ),
}

# Fields that an event's class got after its golden file was written; what came later still has a number.
GROWN: dict[str, Event] = {
    "ErasureCalledOff": erasure.ErasureCalledOff(patient_id=ANNA, reason=erasure.CallOffReason.MISTAKE),
    "OrganisationLinked": linkage.OrganisationLinked(
        patient_id=ANNA,
        organisation_id=CLINIC,
        oid="1.2.643.5.1.13.13.12.2.77.1",
        registry="9f" * 32,
    ),
    "ConsentGranted": consent.ConsentGranted(
        patient_id=ANNA,
        document=DOCUMENT,
        study_types=(StudyType.BIOCHEMISTRY,),
        until=LATER,
        factors=("password", "sms"),
    ),
    "ConsentWithdrawn": consent.ConsentWithdrawn(
        patient_id=ANNA, kind=consent.ConsentKind.ELECTRONIC_TRANSFER, organisation_id=CLINIC
    ),
    "ReportMatched": replace(MATCHED, basis=BASIS),
    "NotificationRequested": replace(REQUESTED, basis=BASIS),
    "NotificationSuppressed": replace(SUPPRESSED, basis=BASIS),
    "NotificationRequested.2": replace(
        REQUESTED,
        basis=BASIS,
        recipient_id=BORIS,
        is_urgent=True,
        carries=receiving.DocumentFormat.PDF,
    ),
    "NotificationRequested.3": replace(
        REQUESTED,
        channel=Channel.SMS,
        about=announcement.About.PASSWORD,
        opens=OTHER_NOTIFICATION,
    ),
    "NotificationSuppressed.2": replace(SUPPRESSED, recipient_id=BORIS),
    "ReceivingSettingsChanged": receiving.ReceivingSettingsChanged(
        patient_id=ANNA,
        channels=(Channel.EMAIL,),
        periodicity=receiving.Periodicity.AS_READY,
        document_format=receiving.DocumentFormat.XML,
        check_list=receiving.CheckList.MONTHLY,
        sends_documents=True,
    ),
    "NotificationAttempted": replace(ATTEMPTED, carries=receiving.DocumentFormat.XML),
    "PatientRegistered": patient.PatientRegistered(locale="ru", for_ward=True),
    "PolicyLinked": patient.PolicyLinked(
        number="123456789",
        kind=PolicyKind.TEMPORARY,
        series="АБ",
        issued_on="2026-11-01",
        valid_until="2027-01-12",
    ),
    "PolicyUnlinked": patient.PolicyUnlinked(reason="ended"),
    "AccessLogRead": reading.AccessLogRead(
        patient_id=ANNA, purpose=reading.ReadingPurpose.OWN_CABINET, form=reading.AccessLogForm.CSV
    ),
    "ReportRead": replace(
        READ,
        medium=reading.Medium.PDF,
        rendering=reading.Rendering(
            position=4711,
            digest="5e" * 32,
            release="2026.11",
            locale="ru",
            time_zone="Europe/Moscow",
            tree_size=4700,
        ),
    ),
    "StaffMemberAdmitted": staff.StaffMemberAdmitted(
        handle="maria", roles=(staff.Role.REGISTRAR,), organisation_id=CLINIC
    ),
    "ProfileStated": replace(
        PROFILE,
        citizenship="RU",
        document=replace(IDENTITY_DOCUMENT, valid_until=date(2029, 5, 30)),
        inn="500100732259",
        region="77",
    ),
    "SessionOpened": session.SessionOpened(
        patient_id=ANNA, factors=("password", "sms-code", "totp"), continues=EARLIER_SESSION
    ),
    "ReportRevised": report.ReportRevised(
        laboratory_id=INVITRO,
        submission_id=SUBMISSION,
        content=replace(
            MINIMAL_CONTENT,
            observations=(
                report_content.Observation(
                    code=Concept(text="Глюкоза"),
                    status=report_content.ObservationStatus.FINAL,
                    is_final_as_sent=True,
                ),
            ),
            version_number=2,
            sent_at="2026-11-22T15:00:00+03:00",
            is_of_another_patient=True,
        ),
        is_late=True,
        status=report_content.ReportStatus.AMENDED,
    ),
}
