-- The way in, beyond password and code: limits that hold over processes, recovery, a second device, providers.

-- migrate:up
-- A token bucket: `full_at` is when it will be full again. A row whose time is past says nothing and may go.
-- The subject (an address, a phone, a patient) is a keyed digest.
CREATE TABLE access.limits (
    act text NOT NULL,
    subject bytea NOT NULL,
    full_at timestamptz NOT NULL,
    PRIMARY KEY (act, subject)
);
CREATE INDEX limits_full_idx ON access.limits (full_at);
-- A browser whose owner met the code of a recovery; `proofs` are what they have shown so far.
CREATE TABLE access.recoveries (
    token_digest bytea PRIMARY KEY,
    patient_id uuid NOT NULL,
    proofs text[] NOT NULL,
    expires_at timestamptz NOT NULL
);
-- A sign-in that waits to be confirmed on another device. The device is told three numbers, and the browser
-- that waits shows which of them is right.
CREATE TABLE access.confirmations (
    confirmation_id uuid PRIMARY KEY,
    token_digest bytea NOT NULL UNIQUE,
    patient_id uuid NOT NULL,
    number smallint NOT NULL,
    choices smallint[] NOT NULL,
    device text NOT NULL,
    network_sealed bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'confirmed', 'refused', 'used')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX confirmations_patient_idx ON access.confirmations (patient_id, expires_at);
-- A browser that was sent to an identity provider; nonce and verifier are sealed under a secret from outside.
CREATE TABLE access.external_sign_ins (
    state_digest bytea PRIMARY KEY,
    browser_digest bytea NOT NULL,
    provider text NOT NULL,
    session_id uuid,
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
-- What was shown before the second factor: the password, or an account elsewhere.
ALTER TABLE access.half_sign_ins ADD COLUMN first_factor text NOT NULL DEFAULT 'password';

GRANT SELECT, INSERT, UPDATE, DELETE
ON access.limits, access.recoveries, access.confirmations, access.external_sign_ins TO letopis_app;

-- migrate:down
ALTER TABLE access.half_sign_ins DROP COLUMN first_factor;
DROP TABLE access.external_sign_ins, access.confirmations, access.recoveries, access.limits;
