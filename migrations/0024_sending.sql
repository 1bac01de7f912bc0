-- How the providers of the channels answer, for all workers of all processes together. No view: what stands here
-- is of now, and no event says it.

-- migrate:up
CREATE SCHEMA sending;
-- A breaker a channel: `refusals` in a row about us open it until `open_until`, longer each time (`openings`);
-- then one worker probes, until `probing_until` at most. `paid_until` is how far the pace of the channel is used.
CREATE TABLE sending.channels (
    channel text PRIMARY KEY,
    refusals integer NOT NULL DEFAULT 0,
    openings integer NOT NULL DEFAULT 0,
    opened_at timestamptz,
    open_until timestamptz,
    probing_until timestamptz,
    paid_until timestamptz,
    last_answer text,
    last_answer_at timestamptz
);
INSERT INTO sending.channels (channel) VALUES ('email'), ('sms'), ('push');

GRANT USAGE ON SCHEMA sending TO letopis_app, letopis_auditor;
GRANT SELECT, UPDATE ON sending.channels TO letopis_app;
GRANT SELECT ON sending.channels TO letopis_auditor;

-- migrate:down
DROP TABLE sending.channels;
DROP SCHEMA sending;
