-- Staff's way in: secrets and counters that are not history, beside those of patients.

-- migrate:up
-- The TOTP secret is sealed under a secret that is not in the database. `last_step` is the latest time step
-- whose code was accepted: none is accepted twice. Wrong codes are counted by day, wrong tries in a row.
CREATE TABLE access.staff_credentials (
    member_id uuid PRIMARY KEY,
    password_hash text NOT NULL,
    totp_sealed bytea NOT NULL,
    last_step bigint NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    code_day date NOT NULL DEFAULT current_date,
    code_failures integer NOT NULL DEFAULT 0
);
-- A link that lets a member set up their factors: kept as a digest, one a member, good once.
CREATE TABLE access.staff_enrolments (
    member_id uuid PRIMARY KEY,
    token_digest bytea NOT NULL UNIQUE,
    totp_sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE TABLE access.staff_sessions (
    token_digest bytea PRIMARY KEY,
    session_id uuid NOT NULL UNIQUE,
    member_id uuid NOT NULL,
    csrf text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX staff_sessions_member_idx ON access.staff_sessions (member_id);
-- Who was ever admitted is asked of the ledger itself; they are few among many events.
CREATE INDEX events_staff_idx ON ledger.events (originator_id) WHERE topic = 'StaffMemberAdmitted';

GRANT SELECT, INSERT, UPDATE, DELETE
ON access.staff_credentials, access.staff_enrolments, access.staff_sessions TO letopis_app;

-- migrate:down
DROP INDEX ledger.events_staff_idx;
DROP TABLE access.staff_sessions, access.staff_enrolments, access.staff_credentials;
