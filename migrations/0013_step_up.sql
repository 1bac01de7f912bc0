-- When the person behind a session last proved who they are: sensitive acts ask for a recent proof.

-- migrate:up
ALTER TABLE access.sessions ADD COLUMN proved_at timestamptz NOT NULL DEFAULT now();

-- migrate:down
ALTER TABLE access.sessions DROP COLUMN proved_at;
