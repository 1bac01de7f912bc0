"""A resource that a bundle has more than once (FHIR R4, bundle, bdl-7): word for word, or in several versions."""

from collections.abc import Sequence

from api.fhir.references import Sent

# Some senders have one address for many, numbered for each patient or order anew: where these differ, it is another result,
# report or person, whatever the versions say.
_OF_ONE = (
    *("resourceType", "id", "identifier", "code", "subject", "contained", "specimen", "birthDate"),
    *("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
)


def without_repeats(sent: Sequence[Sent]) -> list[Sent]:
    """Of what has the same fullUrl, type and id, once what is the same, and the newest of several versions. Where no number
    of a version tells which is newer, two that differ are two."""
    if len({one.full_url for one in sent}) == len(sent):
        return list(sent)
    named: dict[tuple[str | None, str], list[Sent]] = {}
    for one in sent:
        what = tuple(map(one.content.get, _OF_ONE)) if one.full_url else one.steps
        named.setdefault((one.full_url, repr(what)), []).append(one)
    kept = {id(one) for same in named.values() for one in _kept(same)}
    return [one for one in sent if id(one) in kept]


def _kept(same: Sequence[Sent]) -> list[Sent]:
    if len(same) == 1:
        return list(same)
    versions = [_version(one) for one in same]
    known = [version for version in versions if version]
    if len(known) == len(same):
        newest = max(known)
        same = [one for one, version in zip(same, versions, strict=True) if version == newest]
    # Numbers are kept as their text, and two of them are equal only so.
    return list({repr(one.content): one for one in reversed(same)}.values())


def _version(sent: Sent) -> tuple[int, str] | None:
    """Servers count their versions. A number of any length, so that the later one is the greater."""
    meta = sent.content.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    if not isinstance(version, str) or not version.isdecimal():
        return None
    bare = version.lstrip("0")
    return len(bare), bare
