-- A row whose COMMIT takes `seconds`: time for a test to break the connection in the middle of it.
CREATE TABLE slow_commits (
    org_id uuid NOT NULL,
    seconds double precision NOT NULL
);
ALTER TABLE slow_commits ENABLE ROW LEVEL SECURITY;
ALTER TABLE slow_commits FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON slow_commits
    USING (org_id = current_setting('app.org_id')::uuid) WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT ON slow_commits TO kongsi_app;

CREATE FUNCTION sleep_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(NEW.seconds);
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER slow_commits_sleep AFTER INSERT ON slow_commits
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sleep_at_commit();
