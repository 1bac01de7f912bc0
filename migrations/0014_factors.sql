-- What a patient signs in with besides the password, and where they are signed in.

-- migrate:up
-- Which browser and system a session is used from, and from which network, coarse and sealed.
ALTER TABLE access.sessions ADD COLUMN factors text [] NOT NULL DEFAULT '{}';
ALTER TABLE access.sessions ADD COLUMN device text NOT NULL DEFAULT '';
ALTER TABLE access.sessions ADD COLUMN network_sealed bytea;
-- The password was right and the second factor is not shown yet: kept as the digest of a cookie.
CREATE TABLE access.half_sign_ins (
    token_digest bytea PRIMARY KEY,
    patient_id uuid NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX half_sign_ins_patient_idx ON access.half_sign_ins (patient_id);
-- Wrong codes of authenticators and recovery codes, by day: counted before they are looked at.
CREATE TABLE access.factor_tries (
    patient_id uuid PRIMARY KEY,
    day date NOT NULL,
    failures integer NOT NULL
);
-- The TOTP secret is sealed under a secret that is not in the database. `last_step` is the latest time step
-- whose code was accepted: none is accepted twice.
CREATE TABLE access.totp (
    authenticator_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL,
    secret_sealed bytea NOT NULL,
    last_step bigint NOT NULL
);
-- A secret that is shown and waits for its first code, in the session that it was shown in.
CREATE TABLE access.totp_offers (
    patient_id uuid PRIMARY KEY,
    session_id uuid NOT NULL,
    authenticator_id uuid NOT NULL UNIQUE,
    secret_sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
-- Keyed digests of the codes that were not used yet.
CREATE TABLE access.recovery_codes (
    patient_id uuid NOT NULL,
    code_digest bytea NOT NULL,
    PRIMARY KEY (patient_id, code_digest)
);
-- Public keys of passkeys (WebAuthn credentials), with what tells a copied one.
CREATE TABLE access.passkeys (
    credential_id bytea PRIMARY KEY,
    authenticator_id uuid NOT NULL UNIQUE,
    patient_id uuid NOT NULL,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    is_backup_eligible boolean NOT NULL,
    is_backed_up boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz
);
CREATE INDEX passkeys_patient_idx ON access.passkeys (patient_id);
-- A challenge for one ceremony, good once. `session_id` is the session that it is bound to, if there is one.
CREATE TABLE access.passkey_challenges (
    token_digest bytea PRIMARY KEY,
    ceremony text NOT NULL,
    session_id uuid,
    challenge bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_challenges_expiry_idx ON access.passkey_challenges (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON access.half_sign_ins, access.factor_tries, access.totp,
access.totp_offers, access.recovery_codes, access.passkeys, access.passkey_challenges TO letopis_app;

-- migrate:down
DROP TABLE access.passkey_challenges, access.passkeys, access.recovery_codes, access.totp_offers,
access.totp, access.factor_tries, access.half_sign_ins;
ALTER TABLE access.sessions DROP COLUMN network_sealed;
ALTER TABLE access.sessions DROP COLUMN device;
ALTER TABLE access.sessions DROP COLUMN factors;
