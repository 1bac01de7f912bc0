-- Opened shares: whom nobody told yet that somebody opened theirs is looked for by the time of the opening.

-- migrate:up
CREATE INDEX shares_opened_idx ON sharing.shares (last_opened_at) WHERE last_opened_at IS NOT NULL;

-- migrate:down
DROP INDEX sharing.shares_opened_idx;
