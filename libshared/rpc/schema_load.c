/* FileDescriptorSet → tables. First all messages and enums are named, then their fields are resolved against those names. */
#include "gen/kongsi_errors.h"
#include "libshared/rpc/schema_options.h"
#include "libshared/rpc/schema_tables.h"

#include <google/protobuf/descriptor.pb-c.h>
#include <stdlib.h>
#include <string.h>

typedef Google__Protobuf__FileDescriptorSet FileSet;
typedef Google__Protobuf__FileDescriptorProto FileProto;
typedef Google__Protobuf__DescriptorProto MessageProto;
typedef Google__Protobuf__FieldDescriptorProto FieldProto;
typedef Google__Protobuf__EnumDescriptorProto EnumProto;
typedef Google__Protobuf__ServiceDescriptorProto ServiceProto;

#define TIMESTAMP_NAME "google.protobuf.Timestamp"

/* A descriptor and the name it got. */
struct named {
    const char *full_name;
    const void *proto;
};

struct loader {
    struct schema *schema;
    struct arena *arena;
    struct named *messages, *enums; /* in the order of the schema's own arrays once sorted */
    size_t message_count, enum_count;
};

#define schema_broken(...) err_new(&KONGSI_INTERNAL, "schema: " __VA_ARGS__)

/* google.protobuf's own types are recursive; only Timestamp means something to us. */
static bool is_wanted(const FileProto *file)
{
    return strcmp(file->package, "google.protobuf") != 0 || strcmp(file->name, "google/protobuf/timestamp.proto") == 0;
}

static void count_types(const MessageProto *proto, struct loader *loader)
{
    loader->message_count++;
    loader->enum_count += proto->n_enum_type;
    for (size_t i = 0; i < proto->n_nested_type; i++) {
        count_types(proto->nested_type[i], loader);
    }
}

static struct err *add_name(
    struct loader *loader, struct named *list, size_t *count, const char *scope, const char *name, const void *proto)
{
    if (!name) {
        return schema_broken("a type in %s has no name", scope);
    }
    const char *full_name = arena_printf(loader->arena, "%s.%s", scope, name);
    if (!full_name) {
        return err_out_of_memory();
    }
    list[(*count)++] = (struct named){full_name, proto};
    return NULL;
}

static struct err *name_enums(struct loader *loader, const char *scope, EnumProto *const *protos, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ERR_TRY(add_name(loader, loader->enums, &loader->enum_count, scope, protos[i]->name, protos[i]));
    }
    return NULL;
}

static struct err *name_messages(struct loader *loader, const char *scope, MessageProto *const *protos, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ERR_TRY(add_name(loader, loader->messages, &loader->message_count, scope, protos[i]->name, protos[i]));
        const char *inner = loader->messages[loader->message_count - 1].full_name;
        ERR_TRY(name_enums(loader, inner, protos[i]->enum_type, protos[i]->n_enum_type));
        ERR_TRY(name_messages(loader, inner, protos[i]->nested_type, protos[i]->n_nested_type));
    }
    return NULL;
}

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->full_name, ((const struct named *)b)->full_name);
}

/* Counts, names and sorts all types; makes the schema's arrays with nothing but the names in them. */
static struct err *load_names(struct loader *loader, const FileSet *set)
{
    for (size_t i = 0; i < set->n_file; i++) {
        const FileProto *file = set->file[i];
        if (!file->name || !file->package) {
            return schema_broken("file %zu has no name or no package", i);
        }
        if (!is_wanted(file)) {
            continue;
        }
        if (!file->syntax || strcmp(file->syntax, "proto3") != 0) {
            return schema_broken("%s is not proto3", file->name);
        }
        loader->enum_count += file->n_enum_type;
        for (size_t m = 0; m < file->n_message_type; m++) {
            count_types(file->message_type[m], loader);
        }
    }
    struct schema *schema = loader->schema;
    loader->messages = arena_calloc(loader->arena, loader->message_count + 1, sizeof(*loader->messages));
    loader->enums = arena_calloc(loader->arena, loader->enum_count + 1, sizeof(*loader->enums));
    schema->messages = arena_calloc(loader->arena, loader->message_count + 1, sizeof(*schema->messages));
    schema->enums = arena_calloc(loader->arena, loader->enum_count + 1, sizeof(*schema->enums));
    if (!loader->messages || !loader->enums || !schema->messages || !schema->enums) {
        return err_out_of_memory();
    }
    loader->message_count = loader->enum_count = 0;
    for (size_t i = 0; i < set->n_file; i++) {
        const FileProto *file = set->file[i];
        if (is_wanted(file)) {
            ERR_TRY(name_enums(loader, file->package, file->enum_type, file->n_enum_type));
            ERR_TRY(name_messages(loader, file->package, file->message_type, file->n_message_type));
        }
    }
    qsort(loader->messages, loader->message_count, sizeof(*loader->messages), compare_named);
    qsort(loader->enums, loader->enum_count, sizeof(*loader->enums), compare_named);
    schema->message_count = loader->message_count;
    schema->enum_count = loader->enum_count;
    for (size_t i = 0; i < schema->message_count; i++) {
        schema->messages[i].full_name = loader->messages[i].full_name;
    }
    return NULL;
}

static struct err *load_enum(struct loader *loader, const struct named *named, struct schema_enum *ret_enum)
{
    const EnumProto *proto = named->proto;
    struct schema_enum_value *values = arena_calloc(loader->arena, proto->n_value, sizeof(*values));
    if (!values) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < proto->n_value; i++) {
        if (!proto->value[i]->name) {
            return schema_broken("a value of %s has no name", named->full_name);
        }
        values[i].number = proto->value[i]->number;
        values[i].name = arena_strdup(loader->arena, proto->value[i]->name);
        if (!values[i].name) {
            return err_out_of_memory();
        }
    }
    *ret_enum = (struct schema_enum){.full_name = named->full_name, .values = values, .value_count = proto->n_value};
    return NULL;
}

/* The type a descriptor names as ".kongsi.messaging.v1.Text". */
static const struct schema_message *resolve_message(const struct loader *loader, const char *type_name)
{
    return type_name && type_name[0] == '.' ? schema_find_message(loader->schema, type_name + 1) : NULL;
}

static const struct schema_enum *resolve_enum(const struct loader *loader, const char *type_name)
{
    struct named key = {.full_name = type_name && type_name[0] == '.' ? type_name + 1 : ""};
    const struct named *found = bsearch(&key, loader->enums, loader->enum_count, sizeof(key), compare_named);
    return found ? &loader->schema->enums[found - loader->enums] : NULL;
}

static struct err *resolve_type(const struct loader *loader, const FieldProto *proto, struct schema_field *field)
{
    if (field->type == SCHEMA_MESSAGE) {
        field->message = resolve_message(loader, proto->type_name);
    } else if (field->type == SCHEMA_ENUM) {
        field->enumeration = resolve_enum(loader, proto->type_name);
    } else {
        return NULL;
    }
    return field->message || field->enumeration ? NULL
                                                : schema_broken("type %s of field %s is not supported",
                                                      proto->type_name ? proto->type_name : "(none)", proto->name);
}

/* Whether the type is the hidden entry message that protoc makes for a map. */
static bool is_map_entry(const struct loader *loader, const struct schema_message *message)
{
    const MessageProto *proto = loader->messages[message - loader->schema->messages].proto;
    return proto->options && proto->options->map_entry;
}

static struct err *load_field(const struct loader *loader, const FieldProto *proto, struct schema_field *field)
{
    if (!proto->name || proto->number < 1) {
        return schema_broken("a field has no name or no number");
    }
    if (proto->proto3_optional || proto->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP) {
        return schema_broken("field %s is optional or a group, which protobuf-c lacks", proto->name);
    }
    field->name = arena_strdup(loader->arena, proto->name);
    field->json_name = arena_strdup(loader->arena, proto->json_name ? proto->json_name : proto->name);
    field->json_key = arena_printf(loader->arena, "\"%s\":", proto->name);
    if (!field->name || !field->json_name || !field->json_key) {
        return err_out_of_memory();
    }
    field->json_key_length = strlen(field->json_key);
    field->number = (uint32_t)proto->number;
    field->type = (enum schema_type)proto->type;
    field->repeated = proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
    if (proto->has_oneof_index && (proto->oneof_index < 0 || proto->oneof_index >= SCHEMA_ONEOFS_MAX)) {
        return schema_broken("field %s is in no oneof that is declared", proto->name);
    }
    field->oneof_index = proto->has_oneof_index ? proto->oneof_index : -1;
    ERR_TRY(resolve_type(loader, proto, field));
    field->map = field->repeated && field->message && is_map_entry(loader, field->message);
    return schema_options_of_field(proto->options, field);
}

static int compare_field_number(const void *a, const void *b)
{
    uint32_t left = ((const struct schema_field *)a)->number;
    uint32_t right = ((const struct schema_field *)b)->number;
    return left < right ? -1 : left > right;
}

static int compare_name(const void *a, const void *b)
{
    const struct schema_name *left = a;
    const struct schema_name *right = b;
    return schema_name_compare(left->name, left->length, right->name, right->length);
}

/* The look-up table of both forms of every name. */
static struct err *load_field_names(struct loader *loader, struct schema_message *message)
{
    struct schema_name *names = arena_calloc(loader->arena, message->field_count * 2 + 1, sizeof(*names));
    if (!names) {
        return err_out_of_memory();
    }
    size_t count = 0;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct schema_field *field = &message->fields[i];
        names[count++] = (struct schema_name){field->name, strlen(field->name), field};
        if (strcmp(field->name, field->json_name) != 0) {
            names[count++] = (struct schema_name){field->json_name, strlen(field->json_name), field};
        }
    }
    qsort(names, count, sizeof(*names), compare_name);
    for (size_t i = 1; i < count; i++) {
        if (compare_name(&names[i - 1], &names[i]) == 0) {
            return schema_broken("%s has two fields called %s in JSON", message->full_name, names[i].name);
        }
    }
    message->names = names;
    message->name_count = count;
    message->request_id = schema_find_field(message, "request_id", strlen("request_id"));
    return NULL;
}

static struct err *load_message(struct loader *loader, const MessageProto *proto, struct schema_message *message)
{
    if (proto->n_field > SCHEMA_FIELDS_MAX) {
        return schema_broken("%s has %zu fields, at most %d", message->full_name, proto->n_field, SCHEMA_FIELDS_MAX);
    }
    if (proto->n_oneof_decl > SCHEMA_ONEOFS_MAX) {
        return schema_broken("%s has %zu oneofs, at most %d", message->full_name, proto->n_oneof_decl, SCHEMA_ONEOFS_MAX);
    }
    struct schema_field *fields = arena_calloc(loader->arena, proto->n_field + 1, sizeof(*fields));
    if (!fields) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < proto->n_field; i++) {
        ERR_TRY(load_field(loader, proto->field[i], &fields[i]));
    }
    qsort(fields, proto->n_field, sizeof(*fields), compare_field_number);
    message->fields = fields;
    message->field_count = proto->n_field;
    message->timestamp = strcmp(message->full_name, TIMESTAMP_NAME) == 0;
    ERR_TRY(load_field_names(loader, message));
    return schema_options_of_message(loader->arena, proto->options, message);
}

/* Walks down from a message; `depth` messages are open above it, so a circle runs into the limit too. */
static struct err *check_nesting(const struct schema_message *message, int depth)
{
    if (depth >= SCHEMA_DEPTH_MAX) {
        return schema_broken("%s contains itself or nests deeper than %d", message->full_name, SCHEMA_DEPTH_MAX);
    }
    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].message) {
            ERR_TRY(check_nesting(message->fields[i].message, depth + 1));
        }
    }
    return NULL;
}

static struct err *load_types(struct loader *loader)
{
    struct schema *schema = loader->schema;
    for (size_t i = 0; i < schema->enum_count; i++) {
        ERR_TRY(load_enum(loader, &loader->enums[i], &schema->enums[i]));
    }
    for (size_t i = 0; i < schema->message_count; i++) {
        ERR_TRY(load_message(loader, loader->messages[i].proto, &schema->messages[i]));
    }
    for (size_t i = 0; i < schema->message_count; i++) {
        ERR_TRY(check_nesting(&schema->messages[i], 0));
    }
    return NULL;
}

/* "messaging" of "kongsi.messaging.v1"; "" when the package has no such part. */
static const char *component_of(struct arena *arena, const char *package)
{
    const char *begin = strchr(package, '.');
    const char *end = begin ? strchr(begin + 1, '.') : NULL;
    return end ? arena_strndup(arena, begin + 1, (size_t)(end - begin - 1)) : arena_strdup(arena, "");
}

static struct err *load_service(struct loader *loader, const char *package, const ServiceProto *proto)
{
    if (!proto->name) {
        return schema_broken("a service of %s has no name", package);
    }
    const char *service = arena_printf(loader->arena, "%s.%s", package, proto->name);
    const char *component = component_of(loader->arena, package);
    if (!service || !component) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < proto->n_method; i++) {
        if (!proto->method[i]->name) {
            return schema_broken("a method of %s has no name", service);
        }
        const Google__Protobuf__MethodDescriptorProto *source = proto->method[i];
        struct schema_method *method = &loader->schema->methods[loader->schema->method_count];
        *method = (struct schema_method){.service = service, .component = component};
        method->name = arena_strdup(loader->arena, source->name);
        method->input = resolve_message(loader, source->input_type);
        method->output = resolve_message(loader, source->output_type);
        if (!method->name) {
            return err_out_of_memory();
        }
        if (!method->input || !method->output || source->client_streaming || source->server_streaming) {
            return schema_broken("method %s.%s streams or has unknown types", service, method->name);
        }
        ERR_TRY(schema_options_of_method(loader->arena, source->options, method));
        loader->schema->method_count++;
    }
    return NULL;
}

static int compare_method(const void *a, const void *b)
{
    const struct schema_method *left = a;
    const struct schema_method *right = b;
    int order = strcmp(left->service, right->service);
    return order ? order : strcmp(left->name, right->name);
}

static struct err *load_methods(struct loader *loader, const FileSet *set)
{
    size_t count = 0;
    for (size_t i = 0; i < set->n_file; i++) {
        for (size_t s = 0; s < set->file[i]->n_service; s++) {
            count += set->file[i]->service[s]->n_method;
        }
    }
    struct schema *schema = loader->schema;
    schema->methods = arena_calloc(loader->arena, count + 1, sizeof(*schema->methods));
    if (!schema->methods) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < set->n_file; i++) {
        for (size_t s = 0; s < set->file[i]->n_service; s++) {
            ERR_TRY(load_service(loader, set->file[i]->package, set->file[i]->service[s]));
        }
    }
    qsort(schema->methods, schema->method_count, sizeof(*schema->methods), compare_method);
    return NULL;
}

static void file_set_cleanup(FileSet **set)
{
    if (*set) {
        google__protobuf__file_descriptor_set__free_unpacked(*set, NULL);
    }
}

struct err *schema_load(struct bytes bytes, struct schema **ret_schema)
{
    __attribute__((cleanup(file_set_cleanup))) FileSet *set =
        google__protobuf__file_descriptor_set__unpack(NULL, bytes.length, bytes.data);
    if (!set) {
        return schema_broken("the %zu bytes are not a FileDescriptorSet", bytes.length);
    }
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    struct schema *schema = arena ? arena_alloc(arena, sizeof(*schema)) : NULL;
    if (!schema) {
        return err_out_of_memory();
    }
    schema->arena = arena;
    struct loader loader = {.schema = schema, .arena = arena};
    ERR_TRY(load_names(&loader, set));
    ERR_TRY(load_types(&loader));
    ERR_TRY(load_methods(&loader, set));
    arena = NULL; /* the schema's now */
    *ret_schema = schema;
    return NULL;
}
