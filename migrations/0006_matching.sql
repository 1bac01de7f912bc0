-- The matching view: reports that wait and patients whose they may be, compared by keyed digests only.

-- migrate:up
CREATE SCHEMA matching;
CREATE TABLE matching.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO matching.tracking (position) VALUES (0);
CREATE TABLE matching.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON matching.parked (stream_id);

CREATE TABLE matching.reports (
    report_id uuid PRIMARY KEY,
    laboratory_id uuid NOT NULL,
    position bigint NOT NULL,
    -- Some number of the patient has a wrong check digit.
    is_number_failed boolean NOT NULL
);
CREATE INDEX reports_position_idx ON matching.reports (position);
CREATE TABLE matching.report_numbers (
    report_id uuid NOT NULL,
    kind text NOT NULL,
    mark bytea NOT NULL,
    PRIMARY KEY (report_id, kind, mark)
);
CREATE INDEX report_numbers_mark_idx ON matching.report_numbers (kind, mark);
-- A key is a digest of name and birth date; `sex_key` is one of the sex too, or empty if it is not known.
CREATE TABLE matching.report_names (
    report_id uuid NOT NULL,
    is_whole boolean NOT NULL,
    key bytea NOT NULL,
    sex_key bytea,
    PRIMARY KEY (report_id, is_whole, key)
);
CREATE INDEX report_names_key_idx ON matching.report_names (key);
CREATE TABLE matching.patient_names (
    patient_id uuid NOT NULL,
    is_whole boolean NOT NULL,
    key bytea NOT NULL,
    sex_key bytea,
    PRIMARY KEY (patient_id, is_whole, key)
);
CREATE INDEX patient_names_key_idx ON matching.patient_names (key);
CREATE TABLE matching.decisions (
    report_id uuid NOT NULL,
    patient_id uuid NOT NULL,
    -- proposed, confirmed, declined
    status text NOT NULL,
    PRIMARY KEY (report_id, patient_id)
);
CREATE INDEX decisions_confirmed_idx ON matching.decisions (report_id) WHERE status = 'confirmed';

GRANT USAGE ON SCHEMA matching TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA matching TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA matching TO letopis_auditor;

-- migrate:down
DROP SCHEMA matching CASCADE;
