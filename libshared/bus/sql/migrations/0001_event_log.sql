-- The event log of a service, the bookmarks of those who read logs, and the events that could not be delivered.
--
-- Positions, bookmarks and leases belong to the service, not to an organization: any transaction that has a scope may count them up (their
-- policy refuses one without). Rows that hold an organization's data have its policy; readers of the log see all of it under the system scope.

-- How far each shard has come. Every append updates its shard's row: the room left in the pages keeps those updates in place (HOT).
CREATE TABLE event_log_heads (
    topic text NOT NULL,
    shard integer NOT NULL CHECK (shard >= 0),
    position bigint NOT NULL CHECK (position >= 0),
    PRIMARY KEY (topic, shard)
) WITH (fillfactor = 20);
ALTER TABLE event_log_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_log_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY scoped ON event_log_heads
    USING (current_setting('app.system') IN ('on', 'off'))
    WITH CHECK (current_setting('app.system') IN ('on', 'off'));
GRANT SELECT, INSERT, UPDATE ON event_log_heads TO kongsi_app;

-- create_time is the server's clock while the shard's head is held, so that within a shard it rises with position and a dropped day is a
-- prefix of every shard. `time` is the event's own.
CREATE TABLE event_log (
    org_id uuid NOT NULL,
    topic text NOT NULL,
    shard integer NOT NULL,
    position bigint NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    subject uuid NOT NULL,
    time timestamptz NOT NULL,
    traceparent text NOT NULL,
    payload bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (topic, shard, position, create_time)
) PARTITION BY RANGE (create_time);
ALTER TABLE event_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_log FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON event_log
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
CREATE POLICY system ON event_log
    USING (current_setting('app.system', true) = 'on')
    WITH CHECK (current_setting('app.system', true) = 'on');
GRANT SELECT, INSERT ON event_log TO kongsi_app;

-- Where events go when no day's partition was made in time: an append never fails for that.
CREATE TABLE event_log_default PARTITION OF event_log DEFAULT;
ALTER TABLE event_log_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_log_default FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON event_log_default
    USING (current_setting('app.system', true) = 'on')
    WITH CHECK (current_setting('app.system', true) = 'on');

-- Where a durable consumer stands: the last position whose effect it has. Its row is also the lock that replicas share a shard by.
CREATE TABLE consumer_positions (
    consumer text NOT NULL,
    topic text NOT NULL,
    shard integer NOT NULL CHECK (shard >= 0),
    position bigint NOT NULL CHECK (position >= 0),
    update_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, topic, shard)
) WITH (fillfactor = 50);
ALTER TABLE consumer_positions ENABLE ROW LEVEL SECURITY;
ALTER TABLE consumer_positions FORCE ROW LEVEL SECURITY;
CREATE POLICY scoped ON consumer_positions
    USING (current_setting('app.system') IN ('on', 'off'))
    WITH CHECK (current_setting('app.system') IN ('on', 'off'));
GRANT SELECT, INSERT, UPDATE ON consumer_positions TO kongsi_app;

-- Events a consumer gave up on. A message on Kafka that cannot be read has no position of its own: it is kept under -1 - its offset, with
-- the nil organization.
CREATE TABLE dead_letters (
    org_id uuid NOT NULL,
    consumer text NOT NULL,
    topic text NOT NULL,
    shard integer NOT NULL,
    position bigint NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    subject uuid NOT NULL,
    time timestamptz NOT NULL,
    traceparent text NOT NULL,
    payload bytea NOT NULL,
    reason text NOT NULL,
    error text NOT NULL,
    tries integer NOT NULL,
    park_time timestamptz NOT NULL DEFAULT now(),
    replay_time timestamptz, -- NULL: still parked
    PRIMARY KEY (consumer, topic, shard, position)
);
CREATE INDEX dead_letters_parked ON dead_letters (consumer, park_time) WHERE replay_time IS NULL;
ALTER TABLE dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE dead_letters FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON dead_letters
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
CREATE POLICY system ON dead_letters
    USING (current_setting('app.system', true) = 'on')
    WITH CHECK (current_setting('app.system', true) = 'on');
GRANT SELECT, INSERT, UPDATE ON dead_letters TO kongsi_app;

-- What the relay has published: the last position, its offset in the partition, and the cluster that took it. An offset of -1: not known.
CREATE TABLE relay_positions (
    topic text NOT NULL,
    shard integer NOT NULL CHECK (shard >= 0),
    position bigint NOT NULL CHECK (position >= 0),
    kafka_offset bigint NOT NULL DEFAULT -1,
    cluster_id text NOT NULL DEFAULT '',
    PRIMARY KEY (topic, shard)
) WITH (fillfactor = 20);
ALTER TABLE relay_positions ENABLE ROW LEVEL SECURITY;
ALTER TABLE relay_positions FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON relay_positions
    USING (current_setting('app.system', true) = 'on')
    WITH CHECK (current_setting('app.system', true) = 'on');
GRANT SELECT, INSERT, UPDATE ON relay_positions TO kongsi_app;

-- Who does what only one replica should do. Holding it twice for a moment does no harm, so a lease that expires is enough.
CREATE TABLE bus_leases (
    name text PRIMARY KEY,
    holder uuid NOT NULL,
    expire_time timestamptz NOT NULL
);
ALTER TABLE bus_leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE bus_leases FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON bus_leases
    USING (current_setting('app.system', true) = 'on')
    WITH CHECK (current_setting('app.system', true) = 'on');
GRANT SELECT, INSERT, UPDATE ON bus_leases TO kongsi_app;

-- Makes the partition of one day (UTC). It is built apart and attached, which locks the log less than CREATE … PARTITION OF. A day that
-- already has rows in the default partition stays there.
CREATE FUNCTION event_log_add_day(day date) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    partition text := 'event_log_' || to_char(day, 'YYYYMMDD');
    first_instant timestamptz := day::timestamp AT TIME ZONE 'UTC';
    next_instant timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass(partition) IS NOT NULL
        OR EXISTS (SELECT FROM event_log_default WHERE create_time >= first_instant AND create_time < next_instant) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE event_log INCLUDING ALL)', partition);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', partition);
    EXECUTE format('ALTER TABLE event_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition, first_instant, next_instant);
END
$$;
REVOKE ALL ON FUNCTION event_log_add_day(date) FROM PUBLIC;

-- Makes the partitions of today and the next three days, and drops those whose last event is older than `retention_days` (at least one).
-- The application's role owns no tables, so it does this through the owner; it can do nothing else through it.
CREATE FUNCTION event_log_maintain(retention_days integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET lock_timeout = '1s' SET timezone = 'UTC' AS $$
DECLARE
    today date := current_date;
    oldest date := today - greatest(retention_days, 1);
    partition text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('event_log_maintain', 0)) THEN
        RETURN; -- another replica is at it
    END IF;
    FOR ahead IN 0..3 LOOP
        PERFORM event_log_add_day(today + ahead);
    END LOOP;
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'event_log'::regclass AND c.relname ~ '^event_log_[0-9]{8}$'
            AND to_date(right(c.relname, 8), 'YYYYMMDD') < oldest
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
    END LOOP;
    DELETE FROM event_log_default WHERE create_time < oldest;
END
$$;
REVOKE ALL ON FUNCTION event_log_maintain(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event_log_maintain(integer) TO kongsi_app;
