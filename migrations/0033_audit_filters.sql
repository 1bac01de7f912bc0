-- The audit trail is asked by actor alone, by kind alone, by stream and by time alone, newest first, at any size.

-- migrate:up

CREATE INDEX entries_actor_idx ON audit.entries (actor, position DESC);
CREATE INDEX entries_name_idx ON audit.entries (name, position DESC);
CREATE INDEX entries_stream_idx ON audit.entries (stream_id, position DESC);
-- Times rise with positions but for a moment, so a page of a block says which times are in it.
CREATE INDEX entries_time_idx ON audit.entries USING brin (recorded_at) WITH (pages_per_range = 16);

-- migrate:down

DROP INDEX audit.entries_time_idx;
DROP INDEX audit.entries_stream_idx;
DROP INDEX audit.entries_name_idx;
DROP INDEX audit.entries_actor_idx;
