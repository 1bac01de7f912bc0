-- The view of shares: what a patient gave to whom, until when, how often it was opened. And what opens a link: its
-- passcode with the tries that are left, and the files that were named in an answer and not fetched yet.

-- migrate:up
CREATE SCHEMA sharing;
CREATE TABLE sharing.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO sharing.tracking (position) VALUES (0);
CREATE TABLE sharing.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON sharing.parked (stream_id);
-- What the patient called it and wrote stays sealed in its stream.
CREATE TABLE sharing.shares (
    share_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL,
    kind text NOT NULL,
    member_id uuid,
    report_ids uuid [] NOT NULL DEFAULT '{}',
    shared_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    openings integer NOT NULL DEFAULT 0,
    openings_max integer,
    last_opened_at timestamptz,
    refused integer NOT NULL DEFAULT 0,
    ended_at timestamptz,
    end_reason text
);
CREATE INDEX shares_patient_idx ON sharing.shares (patient_id, shared_at);
CREATE INDEX shares_member_idx ON sharing.shares (member_id, shared_at) WHERE member_id IS NOT NULL;
CREATE INDEX shares_due_idx ON sharing.shares (until) WHERE end_reason IS NULL;

ALTER TABLE sharing.shares ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON sharing.shares TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY own ON sharing.shares FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
GRANT USAGE ON SCHEMA sharing TO letopis_app, letopis_auditor, letopis_patient;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sharing TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA sharing TO letopis_auditor;
GRANT SELECT ON sharing.shares TO letopis_patient;

-- A try is taken before it is judged, and given back if the passcode was right: however many come at once, no more
-- wrong ones are judged than there are tries.
CREATE TABLE access.share_passcodes (
    share_id uuid PRIMARY KEY,
    passcode_hash text NOT NULL,
    tries_left integer NOT NULL CHECK (tries_left >= 0),
    expires_at timestamptz NOT NULL
);
-- A file that is fetched once, within the hour.
CREATE TABLE access.share_files (
    token_digest bytea PRIMARY KEY,
    share_id uuid NOT NULL,
    report_id uuid NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX share_files_expiry_idx ON access.share_files (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON access.share_passcodes, access.share_files TO letopis_app;

-- migrate:down
DROP TABLE access.share_files, access.share_passcodes;
DROP SCHEMA sharing CASCADE;
