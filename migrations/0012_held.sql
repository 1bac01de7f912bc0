-- What waits is in the view `matching` now.

-- migrate:up
DROP TABLE cabinet.held;

-- migrate:down
CREATE TABLE cabinet.held (
    report_id uuid NOT NULL,
    kind text NOT NULL,
    mark bytea NOT NULL,
    PRIMARY KEY (report_id, kind, mark)
);
CREATE INDEX held_mark_idx ON cabinet.held (kind, mark);
GRANT SELECT, INSERT, UPDATE, DELETE ON cabinet.held TO letopis_app;
GRANT SELECT ON cabinet.held TO letopis_auditor;
