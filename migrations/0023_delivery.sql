-- Delivery: by each channel one state, whom it tells, what it waits for, and by what the provider knows it.
-- The view is made anew from the events: what it is to hold now was not kept before.

-- migrate:up
TRUNCATE delivery.notifications, delivery.parked;
UPDATE delivery.tracking SET position = 0;

-- recipient_id: a guardian who is told in the patient's place. lives_since: when an operator wanted it tried anew.
ALTER TABLE delivery.notifications
    ADD COLUMN recipient_id uuid,
    ADD COLUMN is_urgent boolean NOT NULL,
    ADD COLUMN carries text,
    ADD COLUMN remote_id text,
    ADD COLUMN waits_for text,
    ADD COLUMN digest_id uuid,
    ADD COLUMN lives_since timestamptz NOT NULL,
    ADD COLUMN superseded_by uuid;

-- What is due, at once or since a time: by channel, the urgent first. What joined a digest goes with it.
DROP INDEX delivery.notifications_due_idx;
CREATE INDEX notifications_at_once_idx ON delivery.notifications (channel, is_urgent, requested_at)
    WHERE due_at IS NULL AND digest_id IS NULL AND status IN ('requested', 'postponed', 'waiting', 'attempted');
CREATE INDEX notifications_due_idx ON delivery.notifications (channel, is_urgent, due_at)
    WHERE due_at IS NOT NULL AND digest_id IS NULL
        AND status IN ('requested', 'postponed', 'waiting', 'attempted');
CREATE INDEX notifications_postponed_idx ON delivery.notifications (recipient_id)
    WHERE status = 'postponed';
CREATE INDEX notifications_postponed_patient_idx ON delivery.notifications (patient_id)
    WHERE status = 'postponed';
CREATE INDEX notifications_digest_idx ON delivery.notifications (digest_id) WHERE digest_id IS NOT NULL;
CREATE INDEX notifications_remote_idx ON delivery.notifications (channel, remote_id)
    WHERE remote_id IS NOT NULL;
CREATE INDEX notifications_recipient_idx ON delivery.notifications (recipient_id, requested_at DESC)
    WHERE recipient_id IS NOT NULL;
CREATE INDEX notifications_dead_idx ON delivery.notifications (changed_at, notification_id)
    INCLUDE (channel, status, reason)
    WHERE digest_id IS NULL
    AND (status IN ('failed', 'unknown', 'returned') OR (status = 'abandoned' AND reason = 'life-over'));
CREATE INDEX notifications_changed_idx ON delivery.notifications (changed_at);

-- Who represents whom just now, and what a guardian has still to be told of, or not to be told.
CREATE TABLE delivery.guardians (
    guardianship_id uuid PRIMARY KEY,
    guardian_id uuid NOT NULL,
    ward_id uuid NOT NULL
);
CREATE INDEX guardians_ward_idx ON delivery.guardians (ward_id);
CREATE TABLE delivery.untold (
    guardianship_id uuid,
    guardian_id uuid NOT NULL,
    ward_id uuid NOT NULL,
    report_id uuid,
    report_version integer,
    about text DEFAULT '',
    position bigint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (guardianship_id, report_id, report_version, about)
);
CREATE INDEX untold_position_idx ON delivery.untold (position);
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery.guardians, delivery.untold TO letopis_app;
GRANT SELECT ON delivery.guardians, delivery.untold TO letopis_auditor;

-- A guardian sees what they are told of a ward, and nothing of what they may not see.
DROP POLICY own ON delivery.notifications;
CREATE POLICY own ON delivery.notifications FOR SELECT TO letopis_patient
USING (
    patient_id = (SELECT ledger.current_patient())
    OR (recipient_id = (SELECT ledger.current_patient()) AND reason IS DISTINCT FROM 'not-in-sight')
);

-- migrate:down
DROP POLICY own ON delivery.notifications;
CREATE POLICY own ON delivery.notifications FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
DROP TABLE delivery.untold;
DROP TABLE delivery.guardians;
DROP INDEX delivery.notifications_changed_idx;
DROP INDEX delivery.notifications_dead_idx;
DROP INDEX delivery.notifications_recipient_idx;
DROP INDEX delivery.notifications_remote_idx;
DROP INDEX delivery.notifications_digest_idx;
DROP INDEX delivery.notifications_postponed_patient_idx;
DROP INDEX delivery.notifications_postponed_idx;
DROP INDEX delivery.notifications_due_idx;
DROP INDEX delivery.notifications_at_once_idx;
TRUNCATE delivery.notifications, delivery.parked;
UPDATE delivery.tracking SET position = 0;
ALTER TABLE delivery.notifications
    DROP COLUMN superseded_by,
    DROP COLUMN lives_since,
    DROP COLUMN digest_id,
    DROP COLUMN waits_for,
    DROP COLUMN remote_id,
    DROP COLUMN carries,
    DROP COLUMN is_urgent,
    DROP COLUMN recipient_id;
CREATE INDEX notifications_due_idx ON delivery.notifications (due_at NULLS FIRST)
    WHERE status IN ('requested', 'waiting', 'attempted');
