-- name: row_insert_batch :exec
INSERT INTO rows (org_id, id, body) SELECT $1::uuid, id, body FROM unnest($2::uuid[], $3::text[]) AS r (id, body);
