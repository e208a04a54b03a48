/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "server/server_internal.h"

void server_options_init(struct server_options *options)
{
    *options = (struct server_options){.access_log = true};
}

/* Remember an allocation until server_options_free(); frees it and returns NULL when there is no
 * memory for that. */
static void *keep(struct server *server, void *memory)
{
    if (!memory)
        return NULL;
    void **grown =
        realloc(server->option_memory, (server->option_memory_count + 1) * sizeof *grown);
    if (!grown) {
        free(memory);
        return NULL;
    }
    server->option_memory = grown;
    grown[server->option_memory_count++] = memory;
    return memory;
}

static bool copy_string(struct server *server, const char **text)
{
    if (*text)
        *text = keep(server, strdup(*text));
    return *text != NULL;
}

static bool copy_list(struct server *server, const char *const **list, size_t count)
{
    const char **copy = keep(server, calloc(count + 1, sizeof *copy));
    if (!copy)
        return false;
    for (size_t i = 0; i < count; i++) {
        copy[i] = (*list)[i];
        if (!copy_string(server, &copy[i]))
            return false;
    }
    *list = copy;
    return true;
}

static octet_status copy_all(struct server *server, struct octet_error *err)
{
    struct server_options *o = &server->options;
    const char **strings[] = {&o->host,         &o->uds,          &o->api_key_file, &o->ssl_keyfile,
                              &o->ssl_certfile, &o->ssl_ca_certs, &o->ssl_ciphers,  &o->root_path};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        if (*strings[i] && !copy_string(server, strings[i]))
            return error_memory(err, "options of the server", 0);
    }
    if (!copy_list(server, &o->api_keys, o->api_key_count) ||
        !copy_list(server, &o->allowed_origins, o->allowed_origin_count) ||
        !copy_list(server, &o->allowed_methods, o->allowed_method_count) ||
        !copy_list(server, &o->allowed_headers, o->allowed_header_count) ||
        !copy_list(server, &o->access_log_except, o->access_log_except_count))
        return error_memory(err, "options of the server", 0);
    return OCTET_OK;
}

static void set_size(size_t *value, size_t usual)
{
    if (*value == 0)
        *value = usual;
}

static void set_int(int32_t *value, int32_t usual)
{
    if (*value <= 0)
        *value = usual;
}

static void set_seconds(double *value, double usual)
{
    if (*value == 0)
        *value = usual;
}

static void set_defaults(struct server_options *o)
{
    set_size(&o->max_request_bytes, (size_t)64 << 20);
    set_size(&o->max_header_bytes, (size_t)64 << 10);
    set_int(&o->max_header_count, 256);
    set_int(&o->keep_alive_s, 5);
    set_int(&o->header_timeout_s, 10);
    set_int(&o->body_timeout_s, 60);
    set_int(&o->slow_client_timeout_s, 60);
    set_seconds(&o->sse_keep_alive_s, 15);
    set_int(&o->hang_timeout_s, 30);
    set_int(&o->workers, 2);
    set_seconds(&o->stats_interval_s, 10);
}

static bool any_origin(const struct server_options *o)
{
    for (size_t i = 0; i < o->allowed_origin_count; i++) {
        if (strcmp(o->allowed_origins[i], "*") == 0)
            return true;
    }
    return o->allowed_origin_count == 0;
}

static octet_status check(const struct server_options *o, struct octet_error *err)
{
    if (o->allow_credentials && any_origin(o))
        return error_set(err, OCTET_USAGE,
                         "--allow-credentials with every origin allowed would lend each visitor's "
                         "credentials to any page; name the origins by --allowed-origins");
    if (o->ssl_keyfile && !o->ssl_certfile)
        return error_set(err, OCTET_USAGE, "--ssl-keyfile needs --ssl-certfile");
    if (!o->ssl_certfile && (o->ssl_ca_certs || o->ssl_ciphers))
        return error_set(err, OCTET_USAGE, "--ssl-ca-certs and --ssl-ciphers need --ssl-certfile");
    for (size_t i = 0; i < o->api_key_count; i++) {
        if (!o->api_keys[i][0])
            return error_set(err, OCTET_USAGE, "an API key is empty");
    }
    return OCTET_OK;
}

octet_status server_options_copy(struct server *server, const struct server_options *options,
                                 struct octet_error *err)
{
    server->options = *options;
    RETURN_IF_ERROR(check(options, err));
    RETURN_IF_ERROR(copy_all(server, err));
    set_defaults(&server->options);
    /* "/prefix", without a slash at its end. */
    char *root = (char *)(uintptr_t)server->options.root_path;
    for (size_t n = root ? strlen(root) : 0; n > 0 && root[n - 1] == '/'; n--)
        root[n - 1] = '\0';
    const struct server_options *o = &server->options;
    server->cors = (struct cors_rules){.origins = o->allowed_origins,
                                       .methods = o->allowed_methods,
                                       .headers = o->allowed_headers,
                                       .origin_count = o->allowed_origin_count,
                                       .method_count = o->allowed_method_count,
                                       .header_count = o->allowed_header_count,
                                       .credentials = o->allow_credentials};
    return OCTET_OK;
}

void server_options_free(struct server *server)
{
    for (size_t i = 0; i < server->option_memory_count; i++)
        free(server->option_memory[i]);
    free(server->option_memory);
}
