"""What an operator set wrong is named when the program starts, by the variable's name and never by its value."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from api.settings import Settings, faults_of

PEM = ("nothing.pem", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")


def faults(monkeypatch: pytest.MonkeyPatch, **chosen: str) -> list[str]:
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    return list(faults_of(refused.value))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LETOPIS_SMTP_TLS", "secret", "should be 'none', 'starttls' or 'implicit'"),
        ("LETOPIS_PUSH_CONTACT", "secret@mail.example", "mailto:"),
        ("LETOPIS_SMPP_PASSWORD", "secret-long-one", "at most 8"),
        ("LETOPIS_DKIM_KEY", "/secret/nothing.pem", "not point to a file"),
        ("LETOPIS_SMTP_AUTHORITIES", "/secret/nothing.pem", "not point to a file"),
    ],
)
def test_a_fault_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    (fault,) = faults(monkeypatch, **{name: value})
    assert fault.startswith(f"{name}: ") and said in fault and "secret" not in fault


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("LETOPIS_MLLP_CLIENT_AUTHORITIES", "no certificates in PEM"),
        ("LETOPIS_DKIM_KEY", "a private key in PEM"),
        ("LETOPIS_SMTP_AUTHORITIES", "no certificates in PEM"),
        ("LETOPIS_SMPP_AUTHORITIES", "no certificates in PEM"),
    ],
)
def test_a_file_is_looked_into_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, said: str
) -> None:
    path = tmp_path / PEM[0]
    path.write_text(PEM[1])
    (fault,) = faults(monkeypatch, **{name: str(path)})
    assert fault.startswith(f"{name}: ") and said in fault


def test_a_key_that_fits_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "dkim.pem"
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.setenv("LETOPIS_DKIM_KEY", str(path))
    assert Settings().dkim_key == path


def test_what_concerns_several_is_said_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said = faults(monkeypatch, LETOPIS_SMTP_USERNAME="relay", LETOPIS_SMTP_PASSWORD="secret")
    assert said == ["LETOPIS_SMTP_PASSWORD is never sent in the clear: set LETOPIS_SMTP_TLS"]


def test_mllp_that_is_to_speak_tls_never_speaks_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A key that was forgotten left patients' data in the clear, and nobody was told."""
    path = tmp_path / PEM[0]
    path.write_text(PEM[1])
    whole = "LETOPIS_MLLP_CERTIFICATE and LETOPIS_MLLP_KEY"
    for name in ("CERTIFICATE", "KEY"):
        (fault,) = faults(monkeypatch, **{f"LETOPIS_MLLP_{name}": str(path)})
        assert whole in fault, fault
        monkeypatch.delenv(f"LETOPIS_MLLP_{name}")
    both = {"LETOPIS_MLLP_CERTIFICATE": str(path), "LETOPIS_MLLP_KEY": str(path)}
    assert faults(monkeypatch, **both) == [f"{whole} are no pair in PEM"]


def test_every_setting_is_documented_and_nothing_else() -> None:
    told = Path("docs/settings.md").read_text(encoding="utf-8")
    fields = Settings.model_fields.items()
    names = {field.validation_alias or f"LETOPIS_{name.upper()}" for name, field in fields}
    named = {
        name
        for line in told.splitlines()
        for name in re.findall(r"`((?:LETOPIS|DATABASE)_[A-Z_]+)`", line.split(" | ")[0])
    }
    assert named == names
