-- Erasure by two: an officer's order waits for another person, beside what the patient's own acts ordered; and staff
-- prove a second factor again before what is grave.

-- migrate:up
CREATE TABLE erasure.orders (
    patient_id uuid NOT NULL,
    is_officers boolean NOT NULL,
    ground text NOT NULL,
    due date NOT NULL,
    ordered_at timestamptz NOT NULL,
    ordered_by text NOT NULL,
    reference text,
    confirmed_at timestamptz,
    confirmed_by text,
    PRIMARY KEY (patient_id, is_officers)
);
CREATE INDEX orders_due_idx ON erasure.orders (due);
ALTER TABLE erasure.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON erasure.orders TO letopis_app, letopis_auditor USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON erasure.orders TO letopis_app;
GRANT SELECT ON erasure.orders TO letopis_auditor;
-- What was done stays in its own table; the follower makes all of them anew from the ledger.
DROP INDEX erasure.erasures_due_idx;
TRUNCATE erasure.erasures, erasure.holds, erasure.parked;
UPDATE erasure.tracking SET position = 0;

-- When the session's second factor was proved last: at first by signing in.
ALTER TABLE access.staff_sessions ADD COLUMN proved_at timestamptz NOT NULL DEFAULT now();
UPDATE access.staff_sessions SET proved_at = created_at;

-- migrate:down
ALTER TABLE access.staff_sessions DROP COLUMN proved_at;
TRUNCATE erasure.erasures, erasure.holds, erasure.parked;
UPDATE erasure.tracking SET position = 0;
CREATE INDEX erasures_due_idx ON erasure.erasures (due) WHERE status = 'ordered';
DROP TABLE erasure.orders;
