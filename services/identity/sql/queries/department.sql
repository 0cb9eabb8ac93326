-- name: department_get :maybe
SELECT d.id, d.external_id, d.name, d.chinese_name, d.parent_id,
    (SELECT count(*) FROM users u WHERE u.org_id = d.org_id AND u.department_id = d.id AND u.status = 2)::int AS user_count
FROM departments d WHERE d.org_id = $1::uuid AND d.id = $2::uuid;

-- name: department_list :many
-- Behind the row whose cut name and id are $2 and $3 (NULL: from the beginning).
SELECT d.id, d.external_id, d.name, d.chinese_name, d.parent_id,
    (SELECT count(*) FROM users u WHERE u.org_id = d.org_id AND u.department_id = d.id AND u.status = 2)::int AS user_count
FROM departments d
WHERE d.org_id = $1::uuid
  AND ($2::text IS NULL OR (left(d.name, 64) COLLATE "C", d.id) > ($2::text, $3::uuid))
ORDER BY left(d.name, 64) COLLATE "C", d.id LIMIT $4::int;

-- name: department_list_all :many
SELECT d.id, d.external_id, d.name, d.chinese_name, d.parent_id, 0::int AS user_count
FROM departments d WHERE d.org_id = $1::uuid;

-- name: department_insert :exec
INSERT INTO departments (org_id, id, external_id, name, chinese_name, parent_id, create_time, update_time)
VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::uuid, $7::timestamptz, $7);

-- name: department_insert_many :exec
-- Arrays of one length; an empty parent_id is a root.
INSERT INTO departments (org_id, id, external_id, name, chinese_name, parent_id, create_time, update_time)
SELECT $1::uuid, n.id, n.external_id, n.name, n.chinese_name, nullif(n.parent_id, '')::uuid, $7::timestamptz, $7
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) AS n (id, external_id, name, chinese_name, parent_id);

-- name: department_update_many :exec
UPDATE departments d
SET external_id = n.external_id, name = n.name, chinese_name = n.chinese_name, parent_id = nullif(n.parent_id, '')::uuid,
    update_time = $7::timestamptz
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) AS n (id, external_id, name, chinese_name, parent_id)
WHERE d.org_id = $1::uuid AND d.id = n.id;

-- name: department_list_by_ids :many
SELECT d.id, d.external_id, d.name, d.chinese_name, d.parent_id,
    (SELECT count(*) FROM users u WHERE u.org_id = d.org_id AND u.department_id = d.id AND u.status = 2)::int AS user_count
FROM departments d WHERE d.org_id = $1::uuid AND d.id = ANY ($2::uuid[]);
