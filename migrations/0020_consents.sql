-- Later versions of a report that its patient does not permit: what stands for the ledger, and not for them.

-- migrate:up
CREATE TABLE cabinet.held_versions (
    report_id uuid PRIMARY KEY,
    reason text NOT NULL,
    last_version integer NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    received_at timestamptz NOT NULL,
    position bigint NOT NULL,
    key_id uuid NOT NULL,
    summary bytea NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON cabinet.held_versions TO letopis_app;
GRANT SELECT ON cabinet.held_versions TO letopis_auditor;
CREATE TABLE matching.held_versions (
    report_id uuid PRIMARY KEY
);
GRANT SELECT, INSERT, UPDATE, DELETE ON matching.held_versions TO letopis_app;
GRANT SELECT ON matching.held_versions TO letopis_auditor;

-- What withdrawn consents oblige to, and which consents have a term.
CREATE SCHEMA obligations;
CREATE TABLE obligations.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO obligations.tracking (position) VALUES (0);
CREATE TABLE obligations.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON obligations.parked (stream_id);
CREATE TABLE obligations.obligations (
    obligation_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL,
    duty text NOT NULL,
    ground text NOT NULL,
    organisation_id uuid,
    arose_at timestamptz NOT NULL,
    due date NOT NULL,
    is_extended boolean NOT NULL DEFAULT false,
    outcome text,
    closed_at timestamptz
);
CREATE INDEX obligations_patient_idx ON obligations.obligations (patient_id, arose_at DESC);
CREATE INDEX obligations_open_idx ON obligations.obligations (due, obligation_id) WHERE outcome IS NULL;
CREATE TABLE obligations.terms (
    consent_id uuid PRIMARY KEY,
    until timestamptz NOT NULL
);
CREATE INDEX terms_until_idx ON obligations.terms (until);
GRANT USAGE ON SCHEMA obligations TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA obligations TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA obligations TO letopis_auditor;

-- migrate:down
DROP SCHEMA obligations CASCADE;
DROP TABLE matching.held_versions;
DROP TABLE cabinet.held_versions;
