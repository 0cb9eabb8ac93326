-- name: relay_positions_seed :exec
-- $2: shards.
INSERT INTO relay_positions (topic, shard, position)
SELECT topic, shard, 0 FROM unnest($1::text[]) AS topic CROSS JOIN generate_series(0, $2::int - 1) AS shard
ORDER BY topic, shard
ON CONFLICT (topic, shard) DO NOTHING;

-- name: relay_lease_take :maybe
-- Takes or renews a lease for $3 milliseconds; no row: another holds it.
INSERT INTO bus_leases AS l (name, holder, expire_time)
VALUES ($1::text, $2::uuid, now() + $3::int * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expire_time = excluded.expire_time
WHERE l.holder = excluded.holder OR l.expire_time < now()
RETURNING l.expire_time;

-- name: relay_lease_release :exec
UPDATE bus_leases SET expire_time = now() WHERE name = $1::text AND holder = $2::uuid;

-- name: relay_positions_list :many
SELECT topic, shard, position, kafka_offset, cluster_id FROM relay_positions
WHERE topic = ANY ($1::text[]) ORDER BY topic, shard;

-- name: relay_read :many
-- What is not published yet, as event_log_read pages it, of all the topics $1 at once.
WITH behind AS (
    SELECT r.topic, r.shard, r.position, r.kafka_offset, count(*) OVER () AS shards
    FROM relay_positions r JOIN event_log_heads h ON h.topic = r.topic AND h.shard = r.shard AND h.position > r.position
    WHERE r.topic = ANY ($1::text[])
), page AS (
    SELECT e.topic, e.shard, behind.position AS published, behind.kafka_offset, e.position, e.id, e.org_id, e.type, e.subject, e.time, e.traceparent, e.payload,
        sum(octet_length(e.payload)) OVER (ORDER BY e.topic, e.shard, e.position) - octet_length(e.payload) AS bytes_before
    FROM behind CROSS JOIN LATERAL (
        SELECT l.topic, l.shard, l.position, l.id, l.org_id, l.type, l.subject, l.time, l.traceparent, l.payload
        FROM event_log l WHERE l.topic = behind.topic AND l.shard = behind.shard AND l.position > behind.position
        ORDER BY l.position LIMIT greatest($2::int / behind.shards, 1)
    ) e
)
SELECT topic, shard, published, kafka_offset, position, id, org_id, type, subject, time, traceparent, payload FROM page
WHERE bytes_before < $3::bigint ORDER BY topic, shard, position LIMIT $2::int;

-- name: relay_positions_advance :exec
-- Moves bookmarks from $3 to $4, unless someone has moved them since.
UPDATE relay_positions r SET position = done.position, kafka_offset = done.kafka_offset, cluster_id = $6::text
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[]) AS done (topic, shard, published, position, kafka_offset)
WHERE r.topic = done.topic AND r.shard = done.shard AND r.position = done.published;

-- name: relay_positions_rewind :exec
-- The broker has lost the shards: everything retained is published again. A bookmark that moved since it was read is left alone: another
-- relay has noticed too.
UPDATE relay_positions r SET position = 0, kafka_offset = -1, cluster_id = ''
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) AS lost (topic, shard, position, kafka_offset)
WHERE r.topic = lost.topic AND r.shard = lost.shard AND r.position = lost.position AND r.kafka_offset = lost.kafka_offset;

-- name: relay_republish :exec
-- Moves the bookmarks of the topics $1 back to before the first event since $2. Kafka's offset stays: the broker has lost nothing.
UPDATE relay_positions r SET position = first.position - 1
FROM (
    SELECT l.topic, l.shard, min(l.position) AS position FROM event_log l
    WHERE l.topic = ANY ($1::text[]) AND l.create_time >= $2::timestamptz GROUP BY l.topic, l.shard
) first
WHERE r.topic = first.topic AND r.shard = first.shard AND r.position >= first.position;

-- name: relay_lag :one
-- Events of the topics $1 that are not published yet.
SELECT coalesce(sum(h.position - r.position), 0)::bigint AS lag
FROM relay_positions r JOIN event_log_heads h ON h.topic = r.topic AND h.shard = r.shard
WHERE r.topic = ANY ($1::text[]);
