-- The view of tickets: where each is, since when its patient waits, what they are to be told. What a ticket says stays
-- sealed in its stream. And who of support has one open at this moment, which is nothing to be remembered.

-- migrate:up
CREATE SCHEMA tickets;
CREATE TABLE tickets.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO tickets.tracking (position) VALUES (0);
CREATE TABLE tickets.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON tickets.parked (stream_id);
CREATE TABLE tickets.tickets (
    ticket_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL,
    number text NOT NULL,
    kind text NOT NULL,
    topic text NOT NULL,
    priority text NOT NULL,
    way text NOT NULL,
    status text NOT NULL,
    handle text,
    opened_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    owed_since timestamptz,
    answer_due timestamptz,
    first_answered_at timestamptz,
    escalated_at timestamptz,
    is_unread boolean NOT NULL,
    untold text,
    untold_since timestamptz
);
CREATE INDEX tickets_patient_idx ON tickets.tickets (patient_id, opened_at);
CREATE INDEX tickets_owed_idx ON tickets.tickets (answer_due) WHERE owed_since IS NOT NULL;
CREATE INDEX tickets_status_idx ON tickets.tickets (status, changed_at);
CREATE INDEX tickets_untold_idx ON tickets.tickets (untold_since) WHERE untold IS NOT NULL;

GRANT USAGE ON SCHEMA tickets TO letopis_app, letopis_auditor, letopis_patient;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tickets TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA tickets TO letopis_auditor;
GRANT SELECT ON tickets.tickets TO letopis_patient;
ALTER TABLE tickets.tickets ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON tickets.tickets TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY own ON tickets.tickets FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));

CREATE TABLE access.ticket_presence (
    ticket_id uuid NOT NULL,
    handle text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (ticket_id, handle)
);
CREATE INDEX ticket_presence_until_idx ON access.ticket_presence (until);
GRANT SELECT, INSERT, UPDATE, DELETE ON access.ticket_presence TO letopis_app;

-- migrate:down
DROP TABLE access.ticket_presence;
DROP SCHEMA tickets CASCADE;
