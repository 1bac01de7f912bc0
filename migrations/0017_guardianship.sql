-- Guardians and wards: who represents whom, by pseudonyms; names, numbers and documents stay sealed in the ledger.
-- A session remembers under which guardianship the person looks into another's cabinet.

-- migrate:up
CREATE SCHEMA guardianship;
CREATE TABLE guardianship.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO guardianship.tracking (position) VALUES (0);
CREATE TABLE guardianship.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON guardianship.parked (stream_id);
CREATE TABLE guardianship.relations (
    guardianship_id uuid PRIMARY KEY,
    guardian_id uuid NOT NULL,
    ward_id uuid,
    -- requested, refused, confirmed, ended
    status text NOT NULL,
    changed_at timestamptz NOT NULL,
    position bigint NOT NULL
);
CREATE INDEX relations_guardian_idx ON guardianship.relations (guardian_id, position);
CREATE INDEX relations_ward_idx ON guardianship.relations (ward_id) WHERE ward_id IS NOT NULL;
CREATE INDEX relations_status_idx ON guardianship.relations (status, position);
-- Claims of wards who have grown up to the cabinets that were kept for them.
CREATE TABLE guardianship.claims (
    claim_id uuid PRIMARY KEY,
    claimant_id uuid NOT NULL,
    status text NOT NULL,
    changed_at timestamptz NOT NULL,
    position bigint NOT NULL
);
CREATE INDEX claims_status_idx ON guardianship.claims (status, position);

GRANT USAGE ON SCHEMA guardianship TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA guardianship TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA guardianship TO letopis_auditor;

-- The clockwork looks at every confirmed guardianship; there are few of them among many events.
CREATE INDEX events_guardianship_idx ON ledger.events (originator_id) WHERE topic = 'GuardianshipConfirmed';

-- A phone that opened one cabinet opens another from now on, without a moment in which it is nobody's.
GRANT UPDATE (subject) ON ledger.blind_index TO letopis_app;

ALTER TABLE access.sessions ADD COLUMN guardianship_id uuid;

-- migrate:down
REVOKE UPDATE (subject) ON ledger.blind_index FROM letopis_app;
ALTER TABLE access.sessions DROP COLUMN guardianship_id;
DROP INDEX ledger.events_guardianship_idx;
DROP SCHEMA guardianship CASCADE;
