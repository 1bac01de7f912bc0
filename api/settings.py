"""Settings: everything that an operator may choose, read from the environment here and nowhere else."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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

    submission_limit_bytes: int = 8_000_000

    # The MLLP listener for HL7 v2; off without a port. With a certificate it speaks TLS, and believes the
    # client certificates of these authorities (PEM files). Without TLS: only in a network of your own.
    mllp_port: int | None = None
    mllp_host: str = "127.0.0.1"
    mllp_certificate: Path | None = None
    mllp_key: Path | None = None
    mllp_client_authorities: Path | None = None

    smtp_host: str | None = None
    smtp_port: int = 25
    smtp_tls: Literal["none", "starttls", "implicit"] = "none"
    smtp_username: str | None = None
    smtp_password: str | None = None
    mail_sender: str = "no-reply@letopis.example"

    sms_gateway_url: str | None = None
    sms_gateway_token: str = ""

    @property
    def is_https(self) -> bool:
        """Cookies are bound to the origin and to TLS when the portal is served by it."""
        return self.public_url.startswith("https://")
