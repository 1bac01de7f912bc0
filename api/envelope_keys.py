"""The keys of the envelope as files: made, handed out, and loaded again (RFC 7517, RFC 8037)."""

import json
from typing import Literal

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

Curve = Literal["Ed25519", "X25519"]


class KeyUnusableError(ValueError):
    """The text is not a key of the kind that is needed here."""


def generate_key(curve: Curve) -> OKPKey:
    """A new private key: Ed25519 to sign with, X25519 to be written to."""
    return _named(OKPKey.generate_key(curve))


def private_jwk(key: OKPKey) -> str:
    """The text of a key file. Whoever reads it can sign, or decrypt."""
    return json.dumps(key.as_dict(private=True), sort_keys=True)


def public_jwk(key: OKPKey) -> str:
    """The text to hand out."""
    return json.dumps(key.as_dict(private=False), sort_keys=True)


def load_key(text: str, curve: Curve, *, private: bool) -> OKPKey:
    """A key from the text of its file, only if it is whole, of this curve, and named by its thumbprint."""
    try:
        given = OKPKey.import_key(json.loads(text))
        key = _named(given)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        message = "not a JSON Web Key of type OKP"
        raise KeyUnusableError(message) from error
    if key.curve_name != curve or key.is_private != private:
        message = f"not a {'private' if private else 'public'} key of curve {curve}"
        raise KeyUnusableError(message)
    if given.get("x") != key.get("x") or given.kid not in (None, key.kid):
        message = "the parts of the key do not belong together"
        raise KeyUnusableError(message)
    return key


def _named(key: OKPKey) -> OKPKey:
    """The key alone, named by its thumbprint (RFC 7638): nobody has to agree on names.

    Made anew from its numbers, because a file may claim an `x`, a `use` or a `kid` that is not the key's.
    """
    bare = OKPKey.import_key(key.raw_value)
    use = "sig" if bare.curve_name == "Ed25519" else "enc"
    return OKPKey.import_key(key.raw_value, {"kid": bare.thumbprint(), "use": use})
