-- name: effect_insert :exec
INSERT INTO effects (org_id, consumer, topic, shard, position, name)
VALUES ($1::uuid, $2::text, $3::text, $4::int, $5::bigint, $6::text);
