-- The intake view: what each laboratory submitted and what became of it; quarantine is a part of it.

-- migrate:up
CREATE SCHEMA intake;
CREATE TABLE intake.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO intake.tracking (position) VALUES (0);
CREATE TABLE intake.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON intake.parked (stream_id);
CREATE TABLE intake.submissions (
    submission_id uuid PRIMARY KEY,
    laboratory_id uuid NOT NULL,
    content_type text NOT NULL,
    size_bytes integer NOT NULL,
    received_at timestamptz NOT NULL,
    position bigint NOT NULL,
    -- received, accepted, quarantined, released
    status text NOT NULL,
    changed_at timestamptz NOT NULL,
    reports integer NOT NULL DEFAULT 0,
    code text,
    field text
);
CREATE INDEX submissions_quarantined_idx ON intake.submissions (position) WHERE status = 'quarantined';
CREATE INDEX submissions_laboratory_idx ON intake.submissions (laboratory_id, position);

GRANT USAGE ON SCHEMA intake TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA intake TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA intake TO letopis_auditor;

-- migrate:down
DROP SCHEMA intake CASCADE;
