-- The view of appeals: where each is, and what is due. What an appeal says stays sealed in its stream.

-- migrate:up
CREATE SCHEMA appeals;
CREATE TABLE appeals.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO appeals.tracking (position) VALUES (0);
CREATE TABLE appeals.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON appeals.parked (stream_id);
CREATE TABLE appeals.appeals (
    appeal_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    number text NOT NULL,
    status text NOT NULL,
    submitted_at timestamptz NOT NULL,
    answer_due timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    reminded_at timestamptz,
    escalated_at timestamptz,
    status_asked_at timestamptz,
    reason text,
    field text
);
CREATE INDEX appeals_patient_idx ON appeals.appeals (patient_id, submitted_at);
CREATE INDEX appeals_organisation_idx ON appeals.appeals (organisation_id, answer_due)
WHERE status IN ('submitted', 'taken');
CREATE INDEX appeals_due_idx ON appeals.appeals (answer_due) WHERE status IN ('submitted', 'taken');

GRANT USAGE ON SCHEMA appeals TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA appeals TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA appeals TO letopis_auditor;

-- migrate:down
DROP SCHEMA appeals CASCADE;
