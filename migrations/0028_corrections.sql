-- Corrections: who had which version of a report, what each of them is owed since it changed, and how that ended.
-- Parties are pseudonyms, as actors are; version 0 stands for "the report left the cabinet".

-- migrate:up
CREATE SCHEMA corrections;
CREATE TABLE corrections.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO corrections.tracking (position) VALUES (0);
CREATE TABLE corrections.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON corrections.parked (stream_id);

-- Reports that have, or are to have, more than one version: how many came, which stands, and which the patient has.
CREATE TABLE corrections.reports (
    report_id uuid PRIMARY KEY,
    latest integer NOT NULL,
    standing integer NOT NULL,
    shown integer NOT NULL,
    is_held boolean NOT NULL,
    -- Its laboratory took it back, or it was a sample: it is nobody's.
    is_taken_back boolean NOT NULL DEFAULT false
);
CREATE TABLE corrections.exposures (
    report_id uuid,
    party text,
    report_version integer,
    medium text,
    kind text NOT NULL,
    patient_id uuid NOT NULL,
    position bigint NOT NULL,
    last_position bigint NOT NULL,
    PRIMARY KEY (report_id, party, report_version, medium)
);
-- Changes of which nobody has decided yet what they owe to a party.
CREATE TABLE corrections.pending (
    report_id uuid,
    report_version integer,
    party text,
    kind text NOT NULL,
    patient_id uuid NOT NULL,
    position bigint NOT NULL,
    seen_version integer NOT NULL,
    PRIMARY KEY (report_id, report_version, party)
);
CREATE INDEX pending_position_idx ON corrections.pending (position);
CREATE TABLE corrections.owed (
    correction_id uuid PRIMARY KEY,
    report_id uuid NOT NULL,
    report_version integer NOT NULL,
    patient_id uuid NOT NULL,
    party text NOT NULL,
    kind text NOT NULL,
    party_id uuid NOT NULL,
    seen_version integer NOT NULL,
    seen_at_position bigint NOT NULL,
    media text [] NOT NULL,
    changes text [] NOT NULL,
    position bigint NOT NULL,
    owed_at timestamptz NOT NULL,
    status text NOT NULL,
    how text,
    changed_at timestamptz NOT NULL
);
CREATE INDEX owed_report_idx ON corrections.owed (report_id, party);
CREATE INDEX owed_patient_idx ON corrections.owed (patient_id, position DESC);
CREATE INDEX owed_party_idx ON corrections.owed (party_id, position DESC);
CREATE INDEX owed_open_idx ON corrections.owed (owed_at, correction_id) WHERE status = 'open';
-- Notices that say of a change, or take a document along: what of them reached somebody.
CREATE TABLE corrections.notices (
    notification_id uuid PRIMARY KEY,
    report_id uuid NOT NULL,
    report_version integer NOT NULL,
    patient_id uuid NOT NULL,
    party text NOT NULL,
    channel text NOT NULL,
    says_of integer NOT NULL,
    -- The last attempt at which a document left, or may have left.
    left_at bigint,
    digest_id uuid,
    is_delivered boolean NOT NULL
);
CREATE INDEX notices_report_idx ON corrections.notices (report_id, party) WHERE is_delivered;
CREATE INDEX notices_digest_idx ON corrections.notices (digest_id) WHERE digest_id IS NOT NULL;
-- Who can't be reached here any more; a guardian as to one ward.
CREATE TABLE corrections.gone (
    party_id uuid,
    patient_id uuid,
    reason text NOT NULL,
    PRIMARY KEY (party_id, patient_id)
);
CREATE TABLE corrections.guardians (
    guardianship_id uuid PRIMARY KEY,
    guardian_id uuid NOT NULL,
    ward_id uuid NOT NULL
);
-- What became known of a correction and is to be recorded of it.
CREATE TABLE corrections.due (
    correction_id uuid,
    act text,
    position bigint NOT NULL,
    report_version integer,
    notification_id uuid,
    channel text,
    reason text,
    PRIMARY KEY (correction_id, act)
);
CREATE INDEX due_position_idx ON corrections.due (position);

GRANT USAGE ON SCHEMA corrections TO letopis_app, letopis_auditor, letopis_patient;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA corrections TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA corrections TO letopis_auditor;

-- A patient sees what is owed to them and to whom they let look; a guardian what is owed to them.
ALTER TABLE corrections.owed ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON corrections.owed TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY own ON corrections.owed FOR SELECT TO letopis_patient
USING ((SELECT ledger.current_patient()) IN (patient_id, party_id));
GRANT SELECT ON corrections.owed TO letopis_patient;

-- migrate:down
REVOKE ALL ON ALL TABLES IN SCHEMA corrections FROM letopis_patient;
DROP SCHEMA corrections CASCADE;
