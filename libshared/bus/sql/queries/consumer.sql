-- name: consumer_positions_list :many
SELECT shard, position FROM consumer_positions WHERE consumer = $1::text AND topic = $2::text ORDER BY shard;

-- name: consumer_positions_seed :exec
-- Where a new consumer begins: positions $4 of the shards $3. The first replica decides.
INSERT INTO consumer_positions (consumer, topic, shard, position)
SELECT $1::text, $2::text, shard, position FROM unnest($3::int[], $4::bigint[]) AS start (shard, position) ORDER BY shard
ON CONFLICT (consumer, topic, shard) DO NOTHING;

-- name: consumer_positions_lock :many
-- Takes those of the shards $3 that no other replica is delivering at this moment, and says where they stand.
SELECT shard, position FROM consumer_positions
WHERE consumer = $1::text AND topic = $2::text AND shard = ANY ($3::int[])
ORDER BY shard FOR UPDATE SKIP LOCKED;

-- name: consumer_positions_advance :exec
-- Sets the positions $4 of the shards $3, which this transaction has locked.
UPDATE consumer_positions p SET position = done.position, update_time = now()
FROM unnest($3::int[], $4::bigint[]) AS done (shard, position)
WHERE p.consumer = $1::text AND p.topic = $2::text AND p.shard = done.shard;

-- name: dead_letter_park :exec
-- Keeps an event that could not be delivered. One that is parked already stays as it is.
INSERT INTO dead_letters (org_id, consumer, topic, shard, position, id, type, subject, time, traceparent, payload, reason, error, tries)
VALUES ($1::uuid, $2::text, $3::text, $4::int, $5::bigint, $6::uuid, $7::text, $8::uuid, $9::timestamptz, $10::text, $11::bytea,
    $12::text, $13::text, $14::int)
ON CONFLICT (consumer, topic, shard, position) DO NOTHING;

-- name: dead_letters_list :many
-- The oldest parked events of a consumer that can be delivered at all, at most $2.
SELECT org_id, topic, shard, position FROM dead_letters
WHERE consumer = $1::text AND replay_time IS NULL AND position > 0
ORDER BY park_time, topic, shard, position LIMIT $2::int;

-- name: dead_letter_lock :maybe
-- One parked event, unless another replays it at this moment.
SELECT id, org_id, type, subject, time, traceparent, payload FROM dead_letters
WHERE consumer = $1::text AND topic = $2::text AND shard = $3::int AND position = $4::bigint AND replay_time IS NULL
FOR UPDATE SKIP LOCKED;

-- name: dead_letter_replayed :exec
UPDATE dead_letters SET replay_time = now()
WHERE consumer = $1::text AND topic = $2::text AND shard = $3::int AND position = $4::bigint;

-- name: dead_letter_failed :exec
-- The replay failed too: counts the try and keeps the latest error.
UPDATE dead_letters SET tries = tries + 1, reason = $5::text, error = $6::text
WHERE consumer = $1::text AND topic = $2::text AND shard = $3::int AND position = $4::bigint AND replay_time IS NULL;
