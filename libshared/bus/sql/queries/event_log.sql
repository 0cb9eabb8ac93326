-- name: event_log_heads_seed :exec
-- A head for every shard of the topics, so that an append always finds its own. $2: shards.
INSERT INTO event_log_heads (topic, shard, position)
SELECT topic, shard, 0 FROM unnest($1::text[]) AS topic CROSS JOIN generate_series(0, $2::int - 1) AS shard
ORDER BY topic, shard
ON CONFLICT (topic, shard) DO NOTHING;

-- name: event_log_heads_lock :many
-- Takes the heads of an append to several shards in one order, so that two appends never wait for each other.
SELECT h.shard FROM event_log_heads h
JOIN unnest($1::text[], $2::int[]) AS wanted (topic, shard) ON wanted.topic = h.topic AND wanted.shard = h.shard
ORDER BY h.topic, h.shard
FOR UPDATE OF h;

-- name: event_log_append :exec
-- Appends events in the order of the arrays $4 to $9, of the same length. The heads are held until commit, so positions have no gap and
-- are in the order of commits. A head that is missing shows as a position that is NULL, and fails.
WITH events AS (
    SELECT topic, shard, id, type, subject, payload, ordinality,
        row_number() OVER (PARTITION BY topic, shard ORDER BY ordinality) AS place
    FROM unnest($4::text[], $5::int[], $6::uuid[], $7::text[], $8::uuid[], $9::bytea[])
        WITH ORDINALITY AS e (topic, shard, id, type, subject, payload, ordinality)
), heads AS (
    UPDATE event_log_heads h SET position = h.position + counts.count
    FROM (SELECT topic, shard, count(*) AS count FROM events GROUP BY topic, shard) counts
    WHERE h.topic = counts.topic AND h.shard = counts.shard
    RETURNING h.topic, h.shard, h.position - counts.count AS base
)
INSERT INTO event_log (org_id, topic, shard, position, id, type, subject, time, traceparent, payload, create_time)
SELECT $1::uuid, events.topic, events.shard, heads.base + events.place, events.id, events.type, events.subject,
    $2::timestamptz, $3::text, events.payload, clock_timestamp()
FROM events LEFT JOIN heads ON heads.topic = events.topic AND heads.shard = events.shard;

-- name: event_log_read :many
-- Rows of a topic behind the positions $3 of the shards $2: every shard that has news gets an equal part of $4 rows, and the page ends with
-- the row that makes it $5 bytes. An idle poll costs a look at the heads only.
WITH behind AS (
    SELECT after.shard, after.position, count(*) OVER () AS shards
    FROM unnest($2::int[], $3::bigint[]) AS after (shard, position)
    JOIN event_log_heads h ON h.topic = $1::text AND h.shard = after.shard AND h.position > after.position
), page AS (
    SELECT e.shard, e.position, e.id, e.org_id, e.type, e.subject, e.time, e.traceparent, e.payload,
        sum(octet_length(e.payload)) OVER (ORDER BY e.shard, e.position) - octet_length(e.payload) AS bytes_before
    FROM behind CROSS JOIN LATERAL (
        SELECT l.shard, l.position, l.id, l.org_id, l.type, l.subject, l.time, l.traceparent, l.payload
        FROM event_log l WHERE l.topic = $1::text AND l.shard = behind.shard AND l.position > behind.position
        ORDER BY l.position LIMIT greatest($4::int / behind.shards, 1)
    ) e
)
SELECT shard, position, id, org_id, type, subject, time, traceparent, payload FROM page
WHERE bytes_before < $5::bigint ORDER BY shard, position LIMIT $4::int;

-- name: event_log_heads_list :many
-- How far each shard of a topic has come, and the position before the oldest row that is retained.
SELECT h.shard, h.position, coalesce(oldest.position - 1, h.position) AS retained
FROM event_log_heads h LEFT JOIN LATERAL (
    SELECT l.position FROM event_log l WHERE l.topic = h.topic AND l.shard = h.shard ORDER BY l.position LIMIT 1
) oldest ON true
WHERE h.topic = $1::text AND h.position > 0 ORDER BY h.shard;

-- name: event_log_maintain :one
-- Makes the coming days' partitions, drops those older than $1 days.
SELECT event_log_maintain($1::int);
