-- What each append looks at is one look into an index for each place. Of a table that nobody has analysed yet the planner
-- believes that a stream is hundreds of events, and would read a second index whole for each of them.

-- migrate:up
ALTER FUNCTION ledger.require_guards(uuid[], bigint[]) SET enable_bitmapscan = 'off';
ALTER FUNCTION ledger.require_unerased(uuid[], uuid[]) SET enable_bitmapscan = 'off';
ALTER FUNCTION ledger.events_behind(uuid[], bigint[], bigint) SET enable_bitmapscan = 'off';
ALTER FUNCTION ledger.owners(text[], bytea[]) SET enable_bitmapscan = 'off';

-- migrate:down
ALTER FUNCTION ledger.owners(text[], bytea[]) RESET enable_bitmapscan;
ALTER FUNCTION ledger.events_behind(uuid[], bigint[], bigint) RESET enable_bitmapscan;
ALTER FUNCTION ledger.require_unerased(uuid[], uuid[]) RESET enable_bitmapscan;
ALTER FUNCTION ledger.require_guards(uuid[], bigint[]) RESET enable_bitmapscan;
