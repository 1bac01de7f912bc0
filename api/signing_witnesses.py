"""The witnesses of the log, as the signer asks them: who they are and how many must sign says the operator's policy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.witness_client import Outcome, WitnessClient, lines_of
from ledger import witness_policy
from ledger.witness_policy import Policy
from projections.publishing import Cosigned
from projections.signing import Signing
from projections.transparency import Signed

# Well below what a published checkpoint may take: a witness that is late is asked again with the next one.
DEADLINE_SECONDS = 1.0


@dataclass(slots=True)
class Witnesses:
    """`cosigned` of `asked` witnesses signed last; `is_contradicted` if one of them knows another log of our name."""

    client: WitnessClient
    policy: Policy
    signing: Signing
    asked: int = 0
    cosigned: int = 0
    is_contradicted: bool = False

    @classmethod
    @contextmanager
    def of_file(cls, path: Path, signing: Signing) -> Iterator["Witnesses"]:
        """The witnesses of a policy file (C2SP tlog-policy)."""
        policy = witness_policy.parse(path.read_bytes())
        client = WitnessClient(policy.witnesses, deadline_seconds=DEADLINE_SECONDS)
        try:
            yield cls(client, policy, signing, asked=len(policy.witnesses))
        finally:
            client.close()

    def ask(self, signed: Signed) -> Cosigned:
        """Show them the checkpoint: what they signed, and whether that is a quorum."""

        def prove(old_size: int) -> Sequence[bytes]:
            return self.signing.consistency(old_size, signed.tree_size)

        answers = self.client.ask(signed.note, prove)
        self.is_contradicted = any(
            answer.outcome in (Outcome.AHEAD, Outcome.INCONSISTENT) for answer in answers
        )
        lines = lines_of(answers)
        cosigned = signed.note + b"".join(line.line.encode() for line in lines)
        logs = (self.signing.signer.verifier, self.signing.cosigner.verifier)
        standing = witness_policy.judge(cosigned, self.policy, logs=logs)
        self.cosigned = len(standing.cosigned)
        return Cosigned(lines, standing.is_met)
