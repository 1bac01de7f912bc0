-- Who waits to be believed, and what a registry of persons says: both without a name in the clear.

-- migrate:up
CREATE SCHEMA identity;
CREATE TABLE identity.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO identity.tracking (position) VALUES (0);
CREATE TABLE identity.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON identity.parked (stream_id);
CREATE TABLE identity.checks (
    patient_id uuid PRIMARY KEY,
    -- none, waiting, confirmed, refused, changed, expired
    status text NOT NULL,
    suspended text,
    requested_at timestamptz,
    -- Of the last event: the queue is in its order.
    position bigint NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX checks_waiting_idx ON identity.checks (position) WHERE status = 'waiting';
-- The last day of a passport tells the birthday, so only its digest is here: who asks for a day finds whose
-- document ends on it.
CREATE TABLE identity.documents (
    patient_id uuid PRIMARY KEY,
    last_day bytea NOT NULL
);
CREATE INDEX documents_last_day_idx ON identity.documents (last_day);

GRANT USAGE ON SCHEMA identity TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA identity TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA identity TO letopis_auditor;

-- Reference data, loaded from files: no view, and not in history.
CREATE SCHEMA IF NOT EXISTS registry;
CREATE TABLE registry.persons (
    -- A keyed digest of the СНИЛС; the other digests are of it and a field, so equal names of two persons differ.
    mark bytea PRIMARY KEY,
    family bytea,
    given bytea,
    patronymic bytea,
    birth_date bytea,
    sex bytea,
    inn bytea,
    policy bytea,
    document bytea,
    -- What can't be compared by digests, sealed: until when the document is valid.
    sealed bytea NOT NULL,
    key_id uuid NOT NULL
);
GRANT USAGE ON SCHEMA registry TO letopis_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON registry.persons TO letopis_app;

-- migrate:down
DROP TABLE IF EXISTS registry.persons;
DROP SCHEMA identity CASCADE;
