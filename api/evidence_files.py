"""Evidence to hand out: a proof, what it is checked with, and how, in one ZIP that needs nothing else of ours.

Nothing in it is trusted for being there: whoever checks compares the keys with those that they got elsewhere.
"""

from collections.abc import Callable, Mapping
from time import monotonic, sleep
from typing import Final, TypeVar
from uuid import UUID

from api import verifier_file
from api.archives import Zipped
from api.pages import phrase
from domain.values import PatientId
from ledger import completeness as proofs
from ledger.receipt import signer_of
from ledger.store import Ledger
from projections import completeness, transparency
from projections.completeness import NotCommittedError
from projections.transparency import NotIntegratedError

S = TypeVar("S")
# A checkpoint covers what was recorded a moment ago within a second.
COVER_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.05
COMPLETENESS: Final = "completeness.json"


def completeness_proof(ledger: Ledger, patient_id: PatientId) -> bytes:
    """The proof by the latest commitment, checked before it leaves. NotIntegratedError if there is none yet."""
    proof = _covered(lambda: completeness.completeness_of(ledger, patient_id))
    completeness.checked(ledger, proof)
    return proofs.to_bytes(proof)


def event_proof(ledger: Ledger, event_id: UUID) -> dict[str, bytes]:
    """A proof file (c2sp.org/tlog-proof@v1) of an event, and its leaf. NotIntegratedError if there is none yet."""
    proof, leaf = _covered(lambda: transparency.prove(ledger, event_id))
    return {f"{event_id}.tlog-proof": proof, f"{event_id}.leaf": leaf}


def packed(ledger: Ledger, files: Mapping[str, bytes]) -> bytes:
    """The ZIP: how to check first, then what (the first file is what the program is given), then with what."""
    zipped = Zipped()
    zipped.add("README.txt", _readme(next(iter(files))))
    for name, content in files.items():
        zipped.add(name, content)
    keys = (transparency.log_verifier(ledger).vkey, signer_of(ledger).verifier.vkey)
    zipped.add("keys/keys.txt", "".join(f"{key}\n" for key in keys).encode())
    zipped.add(verifier_file.NAME, verifier_file.content())
    return zipped.end()


def _readme(proof: str) -> bytes:
    """In both languages, Russian first."""
    texts = (phrase("evidence.readme", locale=locale, proof=proof).split("|") for locale in ("ru", "en"))
    return "\r\n".join(line for lines in texts for line in (*lines, "")).encode("utf-8-sig")


def _covered(make: Callable[[], S]) -> S:
    """What is made once a checkpoint covers it: waited for a moment."""
    give_up = monotonic() + COVER_SECONDS
    while True:
        try:
            return make()
        except NotCommittedError:
            raise
        except NotIntegratedError:
            if monotonic() >= give_up:
                raise
            sleep(_PAUSE_SECONDS)
