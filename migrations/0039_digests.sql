-- What a report measured lies in its own row: a row of its own for each digest took eight times the place, and most of
-- the time that a new report takes. The view is made anew by its follower.

-- migrate:up
-- A follower of the release before would set aside each report that comes, and go on: none may lead meanwhile
-- (projections/follow.py has the lock).
DO $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(7597101) THEN
        RAISE EXCEPTION 'a server of an earlier release is running on this database: stop "letopis serve", then migrate';
    END IF;
END
$$;
DROP TABLE analytes.measured;
TRUNCATE analytes.reports, analytes.parked;
UPDATE analytes.tracking SET position = 0;
-- Digests of what the patient's version measured; none of a report that is nobody's.
ALTER TABLE analytes.reports ADD COLUMN digests uuid[] NOT NULL;
-- Sealed bytes can't be made shorter.
ALTER TABLE analytes.reports ALTER COLUMN codes SET STORAGE EXTERNAL, ALTER COLUMN held_codes SET STORAGE EXTERNAL;

-- migrate:down
TRUNCATE analytes.reports, analytes.parked;
UPDATE analytes.tracking SET position = 0;
ALTER TABLE analytes.reports DROP COLUMN digests;
ALTER TABLE analytes.reports ALTER COLUMN codes SET STORAGE EXTENDED, ALTER COLUMN held_codes SET STORAGE EXTENDED;
CREATE TABLE analytes.measured (
    patient_id uuid NOT NULL,
    digest bytea NOT NULL,
    received bigint NOT NULL,
    report_id uuid NOT NULL,
    PRIMARY KEY (patient_id, digest, received)
);
CREATE INDEX measured_report_idx ON analytes.measured (report_id);
ALTER TABLE analytes.measured ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON analytes.measured TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY own ON analytes.measured FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
GRANT SELECT, INSERT, UPDATE, DELETE ON analytes.measured TO letopis_app;
GRANT SELECT ON analytes.measured TO letopis_auditor, letopis_patient;
