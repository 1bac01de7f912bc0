"""A resource that a bundle has more than once (FHIR R4, bundle, bdl-7): word for word, or in several versions."""

from collections.abc import Sequence

from api.fhir.references import Sent


def without_repeats(sent: Sequence[Sent]) -> list[Sent]:
    """Of what has the same fullUrl, type and id, once what is the same, and the newest of several versions. Where no version
    tells them apart, two that differ are two: some senders have one address for all."""
    if len({one.full_url for one in sent}) == len(sent):
        return list(sent)
    named: dict[tuple[str | None, str], list[Sent]] = {}
    for one in sent:
        same_id = (one.content.get("resourceType"), one.content.get("id")) if one.full_url else one.steps
        named.setdefault((one.full_url, repr(same_id)), []).append(one)
    kept = {id(one) for same in named.values() for one in _kept(same)}
    return [one for one in sent if id(one) in kept]


def _kept(same: Sequence[Sent]) -> list[Sent]:
    if len(same) == 1:
        return list(same)
    versions = [_version(one) for one in same]
    if None not in versions and len(set(versions)) > 1:
        return [max(zip(map(_order, versions), range(len(same)), same, strict=True))[-1]]
    # Numbers are kept as their text, and two of them are equal only so.
    return list({repr(one.content): one for one in reversed(same)}.values())


def _version(sent: Sent) -> str | None:
    meta = sent.content.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def _order(version: str | None) -> tuple[int, str]:
    """Servers count their versions. One in other words comes where it was sent."""
    bare = (version or "").lstrip("0")
    return (len(bare), bare) if bare.isdecimal() else (0, "")
