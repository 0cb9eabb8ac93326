-- What the consumers of the tests do. No key but the order of arrival: an effect that happens twice shows as two rows.
CREATE TABLE effects (
    org_id uuid NOT NULL,
    place bigint GENERATED ALWAYS AS IDENTITY,
    consumer text NOT NULL,
    topic text NOT NULL,
    shard integer NOT NULL,
    position bigint NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (org_id, place)
);
ALTER TABLE effects ENABLE ROW LEVEL SECURITY;
ALTER TABLE effects FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON effects
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT ON effects TO kongsi_app;
