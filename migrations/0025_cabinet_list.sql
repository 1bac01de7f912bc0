-- The list of results: by month, new ones first, filtered and searched. `month` is the month of the sample, in clear:
-- of what comes as it is made it says no more than `received_at`. `marks` are keyed digests, 32 bits each, of the
-- words, study types, departments and the day of the report that stands (projections/cabinet_marks.py).

-- migrate:up
ALTER TABLE cabinet.reports ADD COLUMN month date NOT NULL DEFAULT '1970-01-01';
ALTER TABLE cabinet.reports ADD COLUMN marks integer[] NOT NULL DEFAULT '{}';
ALTER TABLE cabinet.held_versions ADD COLUMN month date NOT NULL DEFAULT '1970-01-01';
-- Until the view is made anew (`letopis rebuild`) what is there already stands where it came.
UPDATE cabinet.reports SET month = date_trunc('month', received_at)::date;
UPDATE cabinet.held_versions SET month = date_trunc('month', received_at)::date;
ALTER TABLE cabinet.reports ALTER COLUMN month DROP DEFAULT;
ALTER TABLE cabinet.held_versions ALTER COLUMN month DROP DEFAULT;
CREATE INDEX reports_new_idx ON cabinet.reports (patient_id, month DESC, received_at DESC, report_id DESC)
WHERE version_read < version;
CREATE INDEX reports_known_idx ON cabinet.reports (patient_id, month DESC, received_at DESC, report_id DESC)
WHERE version_read >= version;

-- migrate:down
DROP INDEX cabinet.reports_known_idx;
DROP INDEX cabinet.reports_new_idx;
ALTER TABLE cabinet.held_versions DROP COLUMN month;
ALTER TABLE cabinet.reports DROP COLUMN marks;
ALTER TABLE cabinet.reports DROP COLUMN month;
