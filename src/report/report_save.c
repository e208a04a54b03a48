/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/file.h"

static bool is_markdown(const char *ending)
{
    return strcasecmp(ending, ".md") == 0 || strcasecmp(ending, ".markdown") == 0;
}

static bool is_html(const char *ending)
{
    return strcasecmp(ending, ".html") == 0 || strcasecmp(ending, ".htm") == 0;
}

static octet_status save_figures(const struct report *report, const char *directory,
                                 struct octet_error *err)
{
    size_t count = report_figure_count(report);
    if (count > 0)
        RETURN_IF_ERROR(directory_create(directory, err));
    octet_status status = OCTET_OK;
    struct buffer path, picture;
    buffer_init(&path, (size_t)1 << 16);
    buffer_init(&picture, REPORT_SIZE_MAX);
    for (size_t i = 0; i < count && status == OCTET_OK; i++) {
        buffer_clear(&path);
        buffer_clear(&picture);
        if (!buffer_printf(&path, "%s/figure-%zu.svg", directory, i + 1)) {
            status = error_memory(err, "path of a figure", path.size);
            break;
        }
        status = report_figure_svg(report, i, &picture, err);
        if (status == OCTET_OK)
            status = file_write_all(buffer_text(&path), picture.data, picture.size, err);
    }
    buffer_free(&picture);
    buffer_free(&path);
    return status;
}

static octet_status save_markdown(const struct report *report, const char *path, size_t stem,
                                  struct octet_error *err)
{
    struct buffer directory, text;
    buffer_init(&directory, (size_t)1 << 16);
    buffer_init(&text, REPORT_SIZE_MAX);
    octet_status status;
    buffer_append(&directory, path, stem);
    if (!buffer_append_str(&directory, "_figures")) {
        status = error_memory(err, "path of the figures", directory.size);
        goto done;
    }
    const char *slash = strrchr(buffer_text(&directory), '/');
    const char *relative = slash ? slash + 1 : buffer_text(&directory);
    if ((status = report_markdown(report, relative, &text, err)) != OCTET_OK)
        goto done;
    if ((status = save_figures(report, buffer_text(&directory), err)) != OCTET_OK)
        goto done;
    status = file_write_all(path, text.data, text.size, err);
done:
    buffer_free(&text);
    buffer_free(&directory);
    return status;
}

octet_status report_save(const struct report *report, const char *path, struct octet_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *ending = strrchr(name, '.');
    if (ending && ending != name && is_markdown(ending))
        return save_markdown(report, path, (size_t)(ending - path), err);
    if (!ending || ending == name || !is_html(ending))
        return error_set(err, OCTET_USAGE,
                         "report: %s: the ending says the format; use .md or .html", path);
    struct buffer text;
    buffer_init(&text, REPORT_SIZE_MAX);
    octet_status status = report_html(report, &text, err);
    if (status == OCTET_OK)
        status = file_write_all(path, text.data, text.size, err);
    buffer_free(&text);
    return status;
}
