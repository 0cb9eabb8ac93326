#include "libshared/db/db_options.h"

#include <stdlib.h>
#include <string.h>

static bool copy_text(const char *from, const char **ret_copy)
{
    *ret_copy = from ? strdup(from) : NULL;
    return !from || *ret_copy;
}

struct err *db_options_copy(const struct db_options *from, struct db_options *ret_copy)
{
    struct db_options copy = *from;
    copy.host = copy.database = copy.user = copy.password = copy.application_name = NULL;
    if (copy_text(from->host, &copy.host) && copy_text(from->database, &copy.database) &&
        copy_text(from->user, &copy.user) && copy_text(from->password, &copy.password) &&
        copy_text(from->application_name, &copy.application_name)) {
        *ret_copy = copy;
        return NULL;
    }
    db_options_deinit(&copy);
    return err_out_of_memory();
}

void db_options_deinit(struct db_options *options)
{
    free((char *)(uintptr_t)options->host);
    free((char *)(uintptr_t)options->database);
    free((char *)(uintptr_t)options->user);
    if (options->password) {
        explicit_bzero((char *)(uintptr_t)options->password, strlen(options->password));
    }
    free((char *)(uintptr_t)options->password);
    free((char *)(uintptr_t)options->application_name);
}
