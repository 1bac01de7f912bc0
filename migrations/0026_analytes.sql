-- Which of a patient's reports measured what: by digests that only the patient's own are compared with, so that no
-- row says what was measured, nor that two patients were examined for the same.

-- migrate:up
CREATE SCHEMA analytes;
CREATE TABLE analytes.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO analytes.tracking (position) VALUES (0);
CREATE TABLE analytes.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON analytes.parked (stream_id);
CREATE TABLE analytes.reports (
    report_id uuid PRIMARY KEY,
    patient_id uuid,
    laboratory_id uuid NOT NULL,
    -- The position at which it was received first: the order of a patient's reports.
    received bigint NOT NULL,
    key_id uuid NOT NULL,
    -- What the version that the patient has measured, sealed under the report's key.
    codes bytea NOT NULL,
    is_held boolean NOT NULL DEFAULT false,
    -- The same of a later version that is held back, until it is released.
    held_codes bytea
);
CREATE INDEX reports_patient_idx ON analytes.reports (patient_id, received);
CREATE TABLE analytes.measured (
    patient_id uuid NOT NULL,
    digest bytea NOT NULL,
    received bigint NOT NULL,
    report_id uuid NOT NULL,
    PRIMARY KEY (patient_id, digest, received)
);
CREATE INDEX measured_report_idx ON analytes.measured (report_id);

ALTER TABLE analytes.reports ENABLE ROW LEVEL SECURITY;
ALTER TABLE analytes.measured ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON analytes.reports TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON analytes.measured TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY own ON analytes.reports FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON analytes.measured FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));

GRANT USAGE ON SCHEMA analytes TO letopis_app, letopis_auditor, letopis_patient;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA analytes TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA analytes TO letopis_auditor;
GRANT SELECT ON analytes.reports, analytes.measured TO letopis_patient;

-- migrate:down
DROP SCHEMA analytes CASCADE;
