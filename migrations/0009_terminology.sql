-- The terminology view: which codes of their own laboratories send without a code of LOINC or ФСЛИ. Which report
-- has which code is a matter of health: it is sealed under the report's key, and goes with the report.

-- migrate:up
CREATE SCHEMA terminology;
CREATE TABLE terminology.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO terminology.tracking (position) VALUES (0);
CREATE TABLE terminology.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON terminology.parked (stream_id);
CREATE TABLE terminology.local_codes (
    report_id uuid PRIMARY KEY,
    laboratory_id uuid NOT NULL,
    key_id uuid NOT NULL,
    codes bytea NOT NULL
);
CREATE INDEX local_codes_laboratory_idx ON terminology.local_codes (laboratory_id, report_id);

GRANT USAGE ON SCHEMA terminology TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA terminology TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA terminology TO letopis_auditor;

-- migrate:down
DROP SCHEMA terminology CASCADE;
