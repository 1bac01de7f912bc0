-- The view of study requests: where each is. Which study it is stays sealed in the request's stream.

-- migrate:up
CREATE SCHEMA study_requests;
CREATE TABLE study_requests.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO study_requests.tracking (position) VALUES (0);
CREATE TABLE study_requests.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON study_requests.parked (stream_id);
CREATE TABLE study_requests.requests (
    request_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    status text NOT NULL,
    is_urgent boolean NOT NULL,
    requested_at timestamptz NOT NULL,
    starts_at timestamptz,
    taken_at timestamptz,
    changed_at timestamptz NOT NULL,
    report_id uuid
);
CREATE INDEX requests_patient_idx ON study_requests.requests (patient_id, requested_at);
CREATE INDEX requests_open_idx ON study_requests.requests (request_id)
WHERE status NOT IN ('fulfilled', 'cancelled');
CREATE INDEX requests_report_idx ON study_requests.requests (report_id);

GRANT USAGE ON SCHEMA study_requests TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA study_requests TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA study_requests TO letopis_auditor;

-- migrate:down
DROP SCHEMA study_requests CASCADE;
