-- The log: dense leaf indexes, tiles of hashes, signed checkpoints.

-- migrate:up
CREATE SCHEMA transparency;
CREATE TABLE transparency.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO transparency.tracking (position) VALUES (0);
CREATE TABLE transparency.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
-- Dense from 0: the leaf index is never the position, which has gaps.
CREATE TABLE transparency.leaves (
    leaf_index bigint PRIMARY KEY,
    position bigint NOT NULL UNIQUE,
    event_id uuid NOT NULL UNIQUE
);
-- Rows of hashes as C2SP tlog-tiles lays them: `hashes` grows to 256 of 32 bytes and is then full.
CREATE TABLE transparency.tiles (
    level integer NOT NULL,
    tile_index bigint NOT NULL,
    hashes bytea NOT NULL CHECK (length(hashes) % 32 = 0 AND length(hashes) <= 8192),
    PRIMARY KEY (level, tile_index)
);
ALTER TABLE transparency.tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- What was published stays published: not a part of the projection that can be thrown away.
CREATE SCHEMA log;
CREATE TABLE log.checkpoints (
    tree_size bigint PRIMARY KEY CHECK (tree_size >= 0),
    root_hash bytea NOT NULL CHECK (length(root_hash) = 32),
    note bytea NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT USAGE ON SCHEMA transparency, log TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA transparency TO letopis_app;
GRANT SELECT, INSERT ON log.checkpoints TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA transparency TO letopis_auditor;
GRANT SELECT ON log.checkpoints TO letopis_auditor;

-- migrate:down
DROP SCHEMA transparency CASCADE;
