"""Settings: everything that an operator may choose, read from the environment here and nowhere else."""

import ssl
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, FilePath, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api import pdf_signing
from api.dkim import DkimKeyUnfitError, Signer
from api.push_origins import PUSH_SERVICES
from api.regions import REGIONS

# What a field of SMPP can carry.
_ASCII = r"^[ -~]*$"


class Settings(BaseSettings):
    """Each field is the environment variable LETOPIS_<FIELD>; DATABASE_URL is read as it is."""

    model_config = SettingsConfigDict(env_prefix="LETOPIS_", frozen=True, hide_input_in_errors=True)

    # Where secrets, laboratory keys and, by default, the database lie.
    home: Path = Field(default_factory=lambda: Path.home() / ".letopis")
    # Any PostgreSQL >= 15. Without it the embedded server is started in `home`.
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    # Where backups lie, and the archive of WAL: best on another disk. Without it nothing is archived.
    backup_folder: Path | None = None
    # For how long older copies of the database may still open what was erased: then the keys that wrap all data keys
    # are changed and the old ones destroyed.
    epoch_days: int = Field(default=1, ge=1)
    # The name of this log, in every leaf and checkpoint (C2SP: a schema-less URL). Never changes.
    origin: str = "letopis.example/ledger"

    # Who signs the log: a process that `letopis serve` starts beside the others, or one that is run elsewhere
    # (`letopis signer`), best under another user. Its folder holds the keys of the log and its memory of what it
    # signed last; no other process reads it. By default `signer` in `home`.
    signer: Literal["child", "external"] = "child"
    signer_home: Path | None = None
    # Witnesses that cosign the log, and how many must (C2SP tlog-policy). Without it there are none.
    witness_policy: FilePath | None = None
    # How often, at most, all patients' chains are committed to in the log, if one has changed: what came since is in no
    # completeness proof yet.
    chains_seconds: int = Field(default=60, ge=1)
    # A folder that is kept like the published log (C2SP tlog-tiles), for a web server or a mirror to take.
    log_folder: Path | None = None

    host: str = "127.0.0.1"
    port: int = 8080
    # The address that people and laboratories use; it is also the audience of envelopes.
    public_url: str = "http://127.0.0.1:8080"
    time_zone: str = "Europe/Moscow"
    # When the history is replayed each night (HH:MM by that clock) and certified; empty: only by `letopis certify`.
    certify_at: str = Field(default="03:00", pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$")
    # Who processes personal data, as consents and their receipts name it (152-ФЗ, art. 9(4)).
    operator_name: str = "Оператор системы «Летопись»"
    operator_address: str = ""
    # Where people who can't sign in find help: a telephone number or an address, as «Помощь» shows it.
    support_contact: str = ""

    submission_limit_bytes: int = 8_000_000
    # How long a report may wait for its patient, linkage or consent; then its data key is destroyed.
    waiting_days: int = Field(default=365, ge=1)
    # How long a submission is kept of which nothing could be recorded, since it arrived; then its key is destroyed.
    quarantine_days: int = Field(default=90, ge=1)
    # For an operator who keeps medical records by law: who has reports is not erased before so many years. None: the
    # operator is no medical organisation, and only passes on what laboratories keep.
    medical_records_years: int | None = Field(default=None, ge=1, le=100)

    # The addresses of the proxies that end TLS, with commas between them. Their Client-Cert (RFC 9440) and
    # X-Forwarded-For are believed, nobody else's; they must take both out of what strangers send.
    client_cert_from: Annotated[tuple[IPv4Address | IPv6Address, ...], NoDecode] = ()
    # Refused submissions that may leave an event, from one address and together; more get 429 and are counted.
    refusals_per_minute_of_one: int = Field(default=200, ge=1)
    refusals_per_minute: int = Field(default=1000, ge=1)

    # Tries of each kind (signing in, registering, asking for codes) from one address in an hour; more get 429.
    tries_per_hour_of_one_address: int = Field(default=300, ge=1)

    # Identity providers (OpenID Connect) by which patients may sign in: a JSON file, a list of objects with name,
    # title, issuer, client_id, client_secret, and if it is so scopes, is_strong, is_trusted (see api/oidc.py).
    oidc_providers: Path | None = None

    # The MLLP listener for HL7 v2; off without a port. With a certificate it speaks TLS, and believes the
    # client certificates of these authorities (PEM files). Without TLS: only in a network of your own.
    mllp_port: int | None = None
    mllp_host: str = "127.0.0.1"
    mllp_certificate: FilePath | None = None
    mllp_key: FilePath | None = None
    mllp_client_authorities: FilePath | None = None

    # What signs results' PDFs: one PEM file with an RSA key, its certificate and those behind it. Without it a key and a
    # self-signed certificate are made beside the other secrets.
    pdf_signing: FilePath | None = None

    # Where the service is: codes of regions (api/regions.py) with commas between them. None: everywhere.
    regions: Annotated[tuple[str, ...], NoDecode] = ()
    # The clamd that scans of documents are shown to: host:port, or unix: and a path. Without it they are not.
    virus_scanner: str | None = None

    smtp_host: str | None = None
    smtp_port: int = 25
    smtp_tls: Literal["none", "starttls", "implicit"] = "none"
    smtp_username: str | None = None
    smtp_password: str | None = None
    # The authorities whose certificates the relay may show (PEM); without it, those of the system.
    smtp_authorities: FilePath | None = None
    smtp_connections: int = Field(default=16, ge=1, le=100)
    # Whether the relay is asked to tell of each letter that reached its mailbox (RFC 3461); needs bounce_domain.
    smtp_asks_delivery: bool = False
    mail_sender: str = "no-reply@letopis.example"
    # The largest file that goes along with a letter; base64 makes a third more of it. What is larger stays in the cabinet.
    document_limit_bytes: int = Field(default=10 * 1024 * 1024, ge=100_000)
    # DKIM, where the relay does not sign: the private key (PEM; RSA or Ed25519), where in DNS its public key stands,
    # and for which domain; without it, the sender's.
    dkim_key: FilePath | None = None
    dkim_selector: str = "letopis"
    dkim_domain: str | None = None
    # Letters that come back: their domain, whose MX leads to bounce_port here, and the name before the plus. Without
    # the domain they go to mail_sender.
    bounce_domain: str | None = None
    bounce_local: str = Field(default="bounces", pattern=r"^[a-z0-9-]{1,10}$")
    bounce_host: str = "127.0.0.1"
    bounce_port: int | None = None
    # With a certificate (PEM, and its key where that is a file of its own) STARTTLS is offered there.
    bounce_certificate: FilePath | None = None
    bounce_key: FilePath | None = None

    # How many notices a second a provider takes, over all processes; without it, as many as it answers.
    email_per_second: float | None = Field(default=None, gt=0)
    sms_per_second: float | None = Field(default=None, gt=0)
    push_per_second: float | None = Field(default=None, gt=0)

    # How SMS go out; one of the three. A gateway that speaks our form of JSON (api/channels/sms_json.py) and, if it
    # tells receipts, the token that it tells them with at /receipts/sms.
    # Whom push services write to if our notices trouble them: mailto: or https: (RFC 8292). Without it none are sent.
    push_contact: str | None = Field(default=None, pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://\S+)$")
    # The push services that browsers may name, with commas between them: hosts reached by https, *. for all of a
    # domain; or whole origins, for one of your own. A browser's word alone must not make us call any address.
    push_services: Annotated[tuple[str, ...], NoDecode] = PUSH_SERVICES

    sms_gateway_url: str | None = None
    sms_gateway_token: str = ""
    sms_receipts_token: str = ""
    # Kannel: the address of smsbox's sendsms, and our sendsms-user. Its receipts come to public_url.
    sms_kannel_url: str | None = None
    sms_kannel_user: str = ""
    sms_kannel_password: str = ""
    sms_kannel_from: str = ""
    # A centre of SMPP 3.4, bound as a transceiver. Kinds of numbers (TON, NPI) as the centre asks: by default a name
    # sends to international numbers. `smpp_message_id`: how the number of a message is written in its receipt.
    smpp_host: str | None = None
    smpp_port: int = 2775
    smpp_tls: bool = False
    # The authorities whose certificates the centre may show (PEM); without it, those of the system.
    smpp_authorities: FilePath | None = None
    smpp_system_id: str = Field(default="", max_length=15, pattern=_ASCII)
    smpp_password: str = Field(default="", max_length=8, pattern=_ASCII)
    smpp_system_type: str = Field(default="", max_length=12, pattern=_ASCII)
    smpp_source: str = Field(default="", max_length=20, pattern=_ASCII)
    smpp_source_ton: int = Field(default=5, ge=0, le=6)
    smpp_source_npi: int = Field(default=0, ge=0, le=18)
    smpp_destination_ton: int = Field(default=1, ge=0, le=6)
    smpp_destination_npi: int = Field(default=1, ge=0, le=18)
    smpp_window: int = Field(default=10, ge=1, le=100)
    smpp_message_id: Literal["same", "hex-then-decimal", "decimal-then-hex"] = "same"

    # Where doctors and patients meet by video: https, with {room} where the name of the room goes, which nobody guesses.
    # Without it only doctors with a link of their own consult by video.
    meeting_url: str | None = Field(default=None, pattern=r"^https://[^\s{}]+/[^\s{}]*\{room\}[^\s{}]*$")
    # Until how long before its beginning a patient may move a consultation.
    consultation_change_minutes: int = Field(default=60, ge=0)

    @field_validator("client_cert_from", "regions", "push_services", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value

    @field_validator("regions")
    @classmethod
    def _are_regions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - REGIONS.keys():
            raise ValueError(f"no such regions: {', '.join(sorted(unknown))}")
        return value

    @field_validator("dkim_key")
    @classmethod
    def _is_a_key(cls, value: Path | None) -> Path | None:
        """Looked at when the program starts: else no letter went out, and nobody were told why."""
        if value is not None:
            try:
                Signer.of_file(value, selector="", domain="")
            except DkimKeyUnfitError:
                message = "needs a private key in PEM: RSA of at least 1024 bits, or Ed25519"
                raise ValueError(message) from None
        return value

    @field_validator("pdf_signing")
    @classmethod
    def _signs_pdfs(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                pdf_signing.parse(value.read_bytes())
            except pdf_signing.PdfKeyUnfitError:
                message = "needs PEM: an RSA key of at least 2048 bits, and first the certificate of that key"
                raise ValueError(message) from None
        return value

    @field_validator("smtp_authorities", "smpp_authorities", "mllp_client_authorities")
    @classmethod
    def _has_certificates(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                ssl.create_default_context(cafile=value)
            except ssl.SSLError:
                raise ValueError("has no certificates in PEM") from None
        return value

    @model_validator(mode="after")
    def _has_a_certificate_and_its_key(self) -> "Settings":
        """Of the door for letters that come back."""
        if self.bounce_certificate is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                    self.bounce_certificate, self.bounce_key
                )
            except ssl.SSLError:
                raise ValueError("bounce_certificate and bounce_key are no pair in PEM") from None
        return self

    @model_validator(mode="after")
    def _speaks_tls_by_mllp_or_not(self) -> Self:
        """A certificate without its key would leave the listener in the clear."""
        names = "LETOPIS_MLLP_CERTIFICATE and LETOPIS_MLLP_KEY"
        certificate, key = self.mllp_certificate, self.mllp_key
        if (certificate is None) != (key is None) or (self.mllp_client_authorities and certificate is None):
            raise ValueError(f"TLS for HL7 v2 needs both {names}")
        if certificate is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
            except OSError:  # of ssl, too
                raise ValueError(f"{names} are no pair in PEM") from None
        return self

    @model_validator(mode="after")
    def _keeps_the_relays_password(self) -> Self:
        if self.smtp_username is not None and self.smtp_tls == "none":
            raise ValueError("LETOPIS_SMTP_PASSWORD is never sent in the clear: set LETOPIS_SMTP_TLS")
        return self

    @model_validator(mode="after")
    def _has_one_way_for_sms(self) -> Self:
        ways = {
            "LETOPIS_SMS_GATEWAY_URL": self.sms_gateway_url,
            "LETOPIS_SMS_KANNEL_URL": self.sms_kannel_url,
            "LETOPIS_SMPP_HOST": self.smpp_host,
        }
        chosen = [name for name, value in ways.items() if value]
        if len(chosen) > 1:
            raise ValueError(f"SMS go one way only: keep one of {', '.join(chosen)} and unset the rest")
        return self

    @property
    def signer_folder(self) -> Path:
        return self.signer_home or self.home / "signer"

    @property
    def operator(self) -> str:
        """Who runs this and where to write to them, as people are told."""
        return ", ".join(filter(None, (self.operator_name, self.operator_address)))

    @property
    def is_https(self) -> bool:
        """Cookies are bound to the origin and to TLS when the portal is served by it."""
        return self.public_url.startswith("https://")


def faults_of(error: ValidationError) -> Iterator[str]:
    """What is wrong with the settings, each by the variable's name, and never by its value."""
    for one in error.errors(include_input=False, include_url=False):
        field, words = "".join(str(part) for part in one["loc"][:1]), one["msg"].removeprefix("Value error, ")
        name = field if field.isupper() else f"LETOPIS_{field.upper()}"
        yield f"{name}: {words}" if field else words
