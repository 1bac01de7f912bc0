"""Files sealed by a password: a PDF in itself (AES-256, ISO 32000-2, 7.6), anything else in a ZIP (WinZip AE-2).

The password follows from a secret of ours and from what it is for, so it is the same at every try and lies nowhere.
"""

import io
from uuid import UUID

import pikepdf
import pyzipper  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.custody import Custody

# 32 signs without look-alikes: five bits each, sixty in a password.
SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
SIGNS_COUNT = 12
GROUP = 4
# ZIP knows no time before; the file says nothing of when it was made.
_BEGINNING = (1980, 1, 1, 0, 0, 0)


def password_of(custody: Custody, notification_id: UUID) -> str:
    """The password of what goes along with a notification: K7QM-2XPR-9TWA. Bytes of HKDF are taken five bits at a
    time, so every sign is as likely as any other."""
    derived = HKDF(
        algorithm=SHA256(), length=8, salt=notification_id.bytes, info=b"letopis/document-password@v1"
    ).derive(custody.message_key)
    number = int.from_bytes(derived)
    signs = [SIGNS[number >> 5 * place & 31] for place in range(SIGNS_COUNT)]
    return "-".join("".join(signs[at : at + GROUP]) for at in range(0, SIGNS_COUNT, GROUP))


def sealed_pdf(pdf: bytes, password: str) -> bytes:
    """The same document; without the password nothing of it can be read, its title neither."""
    sealed = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        document.save(sealed, encryption=pikepdf.Encryption(user=password, owner=password, R=6))
    return sealed.getvalue()


def sealed_zip(file_name: str, content: bytes, password: str) -> bytes:
    """The file name can be read without the password, and must say nothing."""
    sealed = io.BytesIO()
    with pyzipper.AESZipFile(sealed, "w") as archive:
        archive.setpassword(password.encode())
        archive.setencryption(pyzipper.WZ_AES, nbits=256, force_wz_aes_version=pyzipper.zipfile_aes.WZ_AES_V2)
        entry = archive.zipinfo_cls(file_name, date_time=_BEGINNING)
        entry.compress_type = pyzipper.ZIP_DEFLATED
        archive.writestr(entry, content)
    return sealed.getvalue()
