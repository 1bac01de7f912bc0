"""Settings: everything that an operator may choose, read from the environment here and nowhere else."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.regions import REGIONS


class Settings(BaseSettings):
    """Each field is the environment variable LETOPIS_<FIELD>; DATABASE_URL is read as it is."""

    model_config = SettingsConfigDict(env_prefix="LETOPIS_", frozen=True)

    # Where secrets, laboratory keys and, by default, the database lie.
    home: Path = Field(default_factory=lambda: Path.home() / ".letopis")
    # Any PostgreSQL >= 15. Without it the embedded server is started in `home`.
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    # The name of this log, in every leaf and checkpoint (C2SP: a schema-less URL). Never changes.
    origin: str = "letopis.example/ledger"

    host: str = "127.0.0.1"
    port: int = 8080
    # The address that people and laboratories use; it is also the audience of envelopes.
    public_url: str = "http://127.0.0.1:8080"
    time_zone: str = "Europe/Moscow"
    # Who processes personal data, as consents and their receipts name it (152-ФЗ, art. 9(4)).
    operator_name: str = "Оператор системы «Летопись»"
    operator_address: str = ""

    submission_limit_bytes: int = 8_000_000
    # How long a report may wait for its patient, linkage or consent; then its data key is destroyed.
    waiting_days: int = Field(default=365, ge=1)

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
    mllp_certificate: Path | None = None
    mllp_key: Path | None = None
    mllp_client_authorities: Path | None = None

    # Where the service is: codes of regions (api/regions.py) with commas between them. None: everywhere.
    regions: Annotated[tuple[str, ...], NoDecode] = ()
    # The clamd that scans of documents are shown to: host:port, or unix: and a path. Without it they are not.
    virus_scanner: str | None = None

    smtp_host: str | None = None
    smtp_port: int = 25
    smtp_tls: Literal["none", "starttls", "implicit"] = "none"
    smtp_username: str | None = None
    smtp_password: str | None = None
    mail_sender: str = "no-reply@letopis.example"

    sms_gateway_url: str | None = None
    sms_gateway_token: str = ""

    @field_validator("client_cert_from", "regions", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value

    @field_validator("regions")
    @classmethod
    def _are_regions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - REGIONS.keys():
            raise ValueError(f"no such regions: {', '.join(sorted(unknown))}")
        return value

    @property
    def operator(self) -> str:
        """Who runs this and where to write to them, as people are told."""
        return ", ".join(filter(None, (self.operator_name, self.operator_address)))

    @property
    def is_https(self) -> bool:
        """Cookies are bound to the origin and to TLS when the portal is served by it."""
        return self.public_url.startswith("https://")
