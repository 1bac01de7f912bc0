-- What a notice is about, if not that a result is there; and finding how far one report went.

-- migrate:up
ALTER TABLE delivery.notifications ADD COLUMN about text;
CREATE INDEX notifications_report_idx ON delivery.notifications (report_id);
CREATE INDEX entries_report_idx ON audit.entries (report_id) WHERE report_id IS NOT NULL;

-- migrate:down
DROP INDEX audit.entries_report_idx;
DROP INDEX delivery.notifications_report_idx;
ALTER TABLE delivery.notifications DROP COLUMN about;
