-- Views: each projection has a schema of its own, so that a rebuilt one can take its place by a rename.
-- Beside its rows it keeps how far it came (tracking) and the events that it could not take (parked).

-- migrate:up

CREATE SCHEMA cabinet;
CREATE TABLE cabinet.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO cabinet.tracking (position) VALUES (0);
CREATE TABLE cabinet.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON cabinet.parked (stream_id);
CREATE TABLE cabinet.laboratories (
    laboratory_id uuid PRIMARY KEY,
    handle text NOT NULL,
    name text NOT NULL,
    inn text NOT NULL,
    registered_at timestamptz NOT NULL
);
CREATE TABLE cabinet.linkages (
    patient_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    is_linked boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (patient_id, organisation_id)
);
-- A report's row says whose it is and where its current version lies in the ledger. What the list
-- shows of it is sealed under the key of that event (key_id).
CREATE TABLE cabinet.reports (
    report_id uuid PRIMARY KEY,
    patient_id uuid,
    laboratory_id uuid NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    received_at timestamptz NOT NULL,
    position bigint NOT NULL,
    key_id uuid NOT NULL,
    summary bytea NOT NULL,
    version_read integer NOT NULL DEFAULT 0
);
CREATE INDEX reports_patient_idx ON cabinet.reports (patient_id, received_at DESC, report_id);
CREATE TABLE cabinet.versions (
    report_id uuid NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    received_at timestamptz NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (report_id, version)
);
-- Reports without a patient, under the keyed marks of every number by which one may be recognised.
CREATE TABLE cabinet.held (
    report_id uuid NOT NULL,
    kind text NOT NULL,
    mark bytea NOT NULL,
    PRIMARY KEY (report_id, kind, mark)
);
CREATE INDEX held_mark_idx ON cabinet.held (kind, mark);

CREATE SCHEMA audit;
CREATE TABLE audit.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO audit.tracking (position) VALUES (0);
CREATE TABLE audit.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON audit.parked (stream_id);
CREATE TABLE audit.entries (
    position bigint PRIMARY KEY,
    event_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    name text NOT NULL,
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    actor text NOT NULL,
    on_behalf_of text,
    patient_id uuid,
    report_id uuid,
    detail jsonb NOT NULL
);
CREATE INDEX entries_patient_idx ON audit.entries (patient_id, position DESC) WHERE patient_id IS NOT NULL;
CREATE INDEX entries_event_idx ON audit.entries (event_id);

CREATE SCHEMA delivery;
CREATE TABLE delivery.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO delivery.tracking (position) VALUES (0);
CREATE TABLE delivery.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON delivery.parked (stream_id);
CREATE TABLE delivery.notifications (
    notification_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL,
    report_id uuid NOT NULL,
    report_version integer NOT NULL,
    channel text NOT NULL,
    status text NOT NULL,
    attempt integer NOT NULL,
    due_at timestamptz,
    reason text,
    requested_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX notifications_due_idx ON delivery.notifications (due_at NULLS FIRST)
    WHERE status IN ('requested', 'waiting', 'attempted');
CREATE INDEX notifications_patient_idx ON delivery.notifications (patient_id, requested_at DESC);

GRANT USAGE ON SCHEMA cabinet, audit, delivery TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA cabinet, audit, delivery TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA cabinet, audit, delivery TO letopis_auditor;

-- migrate:down
DROP SCHEMA delivery CASCADE;
DROP SCHEMA audit CASCADE;
DROP SCHEMA cabinet CASCADE;
