/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/parse.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/terminal.h"
#include "hub/hub.h"

#define CONNECTIONS 4
#define RETRY_MS 500

static struct json *file_json(const struct hub_file *file)
{
    struct json *out = json_new_object();
    if (json_set(out, "path", json_new_string(file->path)) &&
        json_set(out, "size", json_new_integer((int64_t)file->size)) &&
        json_set(out, file->sha256 ? "sha256" : "git_sha1", json_new_string(file->hash)) &&
        json_set(out, "present", json_new_bool(file->present)))
        return out;
    json_free(out);
    return NULL;
}

static struct json *result_json(const char *id, const struct hub_result *result)
{
    struct json *out = json_new_object(), *files = json_new_array();
    const struct cli_count rows[] = {{"bytes", result->bytes},
                                     {"present_bytes", result->present_bytes},
                                     {"resumed_bytes", result->resumed_bytes},
                                     {"fetched_bytes", result->fetched_bytes}};
    bool ok =
        files && json_set(out, "id", json_new_string(id)) &&
        json_set(out, "revision", json_new_string(result->revision)) &&
        json_set(out, "commit",
                 *result->commit ? json_new_string(result->commit) : json_new_null()) &&
        json_set(out, "path", result->path ? json_new_string(result->path) : json_new_null()) &&
        json_set(out, "offline", json_new_bool(result->offline)) &&
        cli_set_counts(out, rows, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < result->count && ok; i++)
        ok = json_push(files, file_json(&result->files[i]));
    if (ok && json_set(out, "files", files))
        return out;
    if (!ok)
        json_free(files);
    json_free(out);
    return NULL;
}

static octet_status print_plan(const struct hub_result *result, struct octet_error *err)
{
    char size[32], present[32];
    struct table *table = table_new(3);
    bool ok = table && table_cell(table, "size") && table_cell(table, "file") &&
              table_cell(table, "in the cache");
    for (size_t i = 0; i < result->count && ok; i++) {
        const struct hub_file *file = &result->files[i];
        format_bytes(file->size, size);
        ok = table_cell(table, "%s", size) && table_cell(table, "%s", file->path) &&
             table_cell(table, "%s", file->present ? "yes" : "no");
    }
    if (ok)
        table_print(table, stdout, "", true);
    table_free(table);
    if (!ok)
        return error_memory(err, "a table", 0);
    format_bytes(result->bytes, size);
    format_bytes(result->present_bytes + result->resumed_bytes, present);
    printf("%zu file%s, %s; %s of them are in the cache\n", result->count,
           result->count == 1 ? "" : "s", size, present);
    return OCTET_OK;
}

/* To standard error: what was done; the path alone goes to standard output. */
static void print_summary(const char *id, const struct hub_result *result)
{
    char all[32], fetched[32];
    bool weights = false;
    format_bytes(result->bytes, all);
    format_bytes(result->fetched_bytes, fetched);
    if (result->offline) {
        fprintf(stderr, "note: HF_HUB_OFFLINE is set: only the cache was looked at\n");
        return;
    }
    for (size_t i = 0; i < result->count; i++)
        weights = weights || strstr(result->files[i].path, ".safetensors");
    fprintf(stderr, "%s: %zu file%s, %s (%s fetched now), every hash checked\n", id, result->count,
            result->count == 1 ? "" : "s", all, fetched);
    if (!weights)
        fprintf(stderr, "note: there is no *.safetensors among them, and octet reads no other "
                        "weights\n");
}

static octet_status read_options(const struct args *args, char id[HUB_ID_MAX],
                                 char revision[HUB_REVISION_MAX], struct hub_options *out,
                                 struct octet_error *err)
{
    const char *hub = args_text(args, OPT_HUB, "auto");
    const char *given = args_text(args, OPT_REVISION, NULL);
    RETURN_IF_ERROR(hub_split_id(args->positionals[0], id, revision, err));
    if (given && *revision)
        return error_set(err, OCTET_USAGE,
                         "give the revision behind the @ or by --revision, not "
                         "both");
    *out =
        (struct hub_options){.id = id,
                             .revision = given       ? given
                                         : *revision ? revision
                                                     : NULL,
                             .endpoint = args_text(args, OPT_ENDPOINT, NULL),
                             .connections = (int)args_integer(args, OPT_CONNECTIONS, CONNECTIONS),
                             .dry_run = args_flag(args, OPT_DRY_RUN, false),
                             .retry_ms = RETRY_MS};
    out->kind = strcmp(hub, "auto") == 0         ? hub_kind_of(out->endpoint)
                : strcmp(hub, "modelscope") == 0 ? HUB_MODEL_SCOPE
                                                 : HUB_HUGGING_FACE;
    out->include = args_list(args, OPT_INCLUDE, &out->include_count);
    out->exclude = args_list(args, OPT_EXCLUDE, &out->exclude_count);
    return OCTET_OK;
}

octet_status command_pull(const struct args *args, struct octet_error *err)
{
    char id[HUB_ID_MAX], revision[HUB_REVISION_MAX];
    struct hub_options options;
    struct hub_result result = {0};
    struct progress_bar bar;
    RETURN_IF_ERROR(read_options(args, id, revision, &options, err));
    bool quiet = args_flag(args, OPT_QUIET, false), json = args_flag(args, OPT_JSON, false);
    progress_bar_init(&bar, stderr, "B");
    bar.cancel_flag = &terminal_interrupted;
    struct progress progress = progress_bar_callback(&bar);
    if (quiet || options.dry_run) /* keeps the way for Ctrl-C, draws nothing */
        progress.report = cli_quiet_report;
    terminal_catch_interrupts();
    octet_status status = hub_pull(&options, &progress, &result, err);
    progress_bar_finish(&bar);
    if (status == OCTET_OK && json)
        status = cli_print_json_line(result_json(id, &result), stdout, err);
    else if (status == OCTET_OK && options.dry_run && !result.offline)
        status = print_plan(&result, err);
    else if (status == OCTET_OK)
        puts(result.path);
    if (status == OCTET_OK && !quiet && !options.dry_run)
        print_summary(id, &result);
    hub_result_free(&result);
    return status;
}
