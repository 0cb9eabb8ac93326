-- name: identifier_find :many
-- Whose the identifiers are, in whatever organization, or in that of the slug $3. An external_id (kind 1) names nobody where no slug
-- was given and the server has several organizations.
SELECT l.kind, l.org_id, l.user_id
FROM login_identifiers l JOIN organizations o ON o.org_id = l.org_id
WHERE (l.kind, l.value) IN (SELECT c.kind, c.value FROM unnest($1::int[], $2::text[]) AS c (kind, value))
  AND (o.slug = $3::text
       OR ($3 = '' AND (l.kind <> 1 OR (SELECT count(*) FROM (SELECT 1 FROM organizations LIMIT 2) AS first_two) = 1)))
ORDER BY l.kind LIMIT 2;

-- name: identifier_delete_of_users :exec
DELETE FROM login_identifiers WHERE org_id = $1::uuid AND user_id = ANY ($2::uuid[]);

-- name: identifier_insert_many :exec
INSERT INTO login_identifiers (org_id, kind, value, user_id)
SELECT $1::uuid, n.kind, n.value, n.user_id
FROM unnest($2::int[], $3::text[], $4::uuid[]) AS n (kind, value, user_id);
