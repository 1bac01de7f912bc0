-- Signing in: secrets and counters that are not history. Nothing here can be rebuilt from events,
-- and nothing here needs to be: losing it makes people sign in again.

-- migrate:up
CREATE SCHEMA access;
CREATE TABLE access.credentials (
    patient_id uuid PRIMARY KEY,
    password_hash text NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    locked_until timestamptz
);
-- A code sent to a phone: kept as a keyed digest, good for one action, one time, ten minutes, five tries.
CREATE TABLE access.challenges (
    challenge_id uuid PRIMARY KEY,
    action text NOT NULL,
    phone_mark bytea NOT NULL,
    subject uuid,
    code_digest bytea NOT NULL,
    sealed bytea,
    tries_left integer NOT NULL CHECK (tries_left >= 0),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX challenges_phone_idx ON access.challenges (phone_mark, created_at);
CREATE TABLE access.sessions (
    token_digest bytea PRIMARY KEY,
    session_id uuid NOT NULL UNIQUE,
    patient_id uuid NOT NULL,
    csrf text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sessions_patient_idx ON access.sessions (patient_id);

GRANT USAGE ON SCHEMA access TO letopis_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA access TO letopis_app;

-- migrate:down
DROP SCHEMA access CASCADE;
