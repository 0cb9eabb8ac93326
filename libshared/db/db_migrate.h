/* Migrations: forward only, checksummed, under an advisory lock, each in its own transaction.
 *
 * Files sql/migrations/0001_<name>.sql of a service and of the kit (libshared/<part>/sql/migrations) are embedded at build.
 * The table schema_migrations (component, version, name, checksum, apply_time) records what has run; a changed checksum or a
 * missing older version refuses to start. A version newer than the program knows is only logged: during a rolling update the
 * program before it still runs. A lock on a table is waited for 2 s at a time, so that nobody queues behind a waiting
 * migration for longer. Runs as the owner role; grants on new tables are part of the migration files.
 * Row-level security binds the owner too: a migration that changes rows of all organizations says ALTER TABLE … NO FORCE ROW
 * LEVEL SECURITY before, and FORCE after, in its own transaction. */
#pragma once

#include "libshared/base/err.h"
#include "libshared/db/db.h"

struct db_migration {
    const char *component; /* "messaging", "bus" */
    int version;           /* 1, 2, … */
    const char *name;      /* "0001_conversations" */
    const char *text;
};

/* `options` name the owner role; `migrations` is NULL-terminated, components in order. Waits at most lock_wait_ms for
 * another process that migrates the same database. Reason besides db.h's: KONGSI_CONFIG_INVALID for a changed migration, or
 * one that was left out. */
ERR_RESULT struct err *db_migrate(
    const struct db_options *options, const struct db_migration *const *migrations, int lock_wait_ms);
