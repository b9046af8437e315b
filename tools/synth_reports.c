#include "tools/synth_reports.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

enum { MOST_BYTES = 64 << 20, MOST_DEPTH = 16, MOST_ENTRIES = 100000 };

/* What is read and where it goes. */
typedef struct reader {
    nib_arena *arena;
    const char *root;
    cJSON *reports;
    int entries;
} reader;

static cJSON *add_report(const reader *r, const char *path, const char *kind, const char *stage)
{
    cJSON *report = cJSON_CreateObject();
    cJSON_AddStringToObject(report, "file", path + strlen(r->root) + 1);
    cJSON_AddStringToObject(report, "kind", kind);
    cJSON_AddStringToObject(report, "stage", stage);
    cJSON_AddItemToArray(r->reports, report);
    return report;
}

/* ---- csynth.xml ---- */

/* Text between <tag> and </tag> behind `from`, or NULL. In the arena. */
static const char *element(nib_arena *arena, const char *from, const char *tag)
{
    const char *open = nib_arena_printf(arena, "<%s>", tag), *close = nib_arena_printf(arena, "</%s>", tag);
    const char *at = from && open ? strstr(from, open) : NULL;
    const char *end = at && close ? strstr(at, close) : NULL;
    return end ? nib_arena_strndup(arena, at + strlen(open), (size_t)(end - at) - strlen(open)) : NULL;
}

/* A number, where there is one: tools write "undef" and "?" as well. */
static void add_number(cJSON *report, const char *key, const char *text)
{
    char *end;
    const double value = text ? strtod(text, &end) : 0;
    if (text && end != text)
        cJSON_AddNumberToObject(report, key, value);
}

static nib_status read_csynth(const reader *r, const char *path, const char *text, nib_error *err)
{
    static const char *const rows[][3] = {
        {"PerformanceEstimates", "Worst-caseLatency", "latency_cycles"},
        {"PerformanceEstimates", "Interval-max", "ii_cycles"},
        {"PerformanceEstimates", "EstimatedClockPeriod", "clock_ns"},
        {"UserAssignments", "TargetClockPeriod", "target_clock_ns"},
    };
    static const char *const resources[][2] = {{"LUT", "lut"},    {"FF", "ff"},           {"DSP", "dsp"},
                                               {"DSP48E", "dsp"}, {"BRAM_18K", "bram18"}, {"URAM", "uram"}};
    const char *area = element(r->arena, text, "AreaEstimates");
    const char *own = element(r->arena, area, "Resources");
    if (!own)
        return nib_fail(err, NIB_ERR_INPUT, "%s: no report of HLS: it has no AreaEstimates", path);
    cJSON *report = add_report(r, path, "csynth", "HLS, estimated by the tool");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        add_number(report, rows[i][2], element(r->arena, element(r->arena, text, rows[i][0]), rows[i][1]));
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
        add_number(report, resources[i][1], element(r->arena, own, resources[i][0]));
    const char *part = element(r->arena, text, "Part");
    if (part)
        cJSON_AddStringToObject(report, "part", part);
    return NIB_OK;
}

/* ---- Utilisation: | CLB LUTs* | 1234 | ... ---- */

static bool starts_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void read_row(cJSON *report, const char *line)
{
    static const struct {
        const char *name, *key;
        double factor;
    } rows[] = {{"CLB LUTs", "lut", 1},       {"Slice LUTs", "lut", 1},        {"CLB Registers", "ff", 1},
                {"Slice Registers", "ff", 1}, {"Block RAM Tile", "bram18", 2}, {"DSPs", "dsp", 1},
                {"URAM", "uram", 1}};
    const char *name = line + strspn(line, "| \t"), *value = strchr(name, '|');
    for (size_t i = 0; value && i < sizeof rows / sizeof *rows; i++) {
        char *end;
        if (!starts_with(name, rows[i].name) || cJSON_GetObjectItem(report, rows[i].key))
            continue;
        const double number = strtod(value + 1, &end);
        if (end != value + 1)
            cJSON_AddNumberToObject(report, rows[i].key, rows[i].factor * number);
    }
}

static void read_utilization(const reader *r, const char *path, char *text)
{
    cJSON *report = NULL;
    const char *stage = strstr(text, "Routed") ? "routed" : strstr(text, "Placed") ? "placed" : "synthesized";
    char *rest = NULL;
    if (!strstr(text, "Site Type ") || (!strstr(text, "CLB LUTs") && !strstr(text, "Slice LUTs")))
        return; /* a .rpt of something else */
    report = add_report(r, path, "utilization", stage);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (line[strspn(line, " \t")] == '|')
            read_row(report, line + strspn(line, " \t"));
}

/* ---- oneAPI: {"name": "Total", "data": [alut, reg, ram, dsp, mlab]} ---- */

static nib_status read_ndjson(const reader *r, const char *path, char *text, nib_error *err)
{
    static const char *const keys[] = {"alut", "ff", "ram", "dsp", "mlab"};
    cJSON *report = NULL;
    char *rest = NULL;
    int number = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        number++;
        if (line[strspn(line, " \t\r")] == '\0')
            continue;
        cJSON *json = cJSON_Parse(line);
        if (!json)
            return nib_fail(err, NIB_ERR_INPUT, "%s:%d: no JSON", path, number);
        const cJSON *name = cJSON_GetObjectItem(json, "name"), *data = cJSON_GetObjectItem(json, "data");
        if (cJSON_IsString(name) && strcmp(name->valuestring, "Total") == 0 && cJSON_IsArray(data)) {
            report = report ? report : add_report(r, path, "oneapi", "oneAPI, estimated by the tool");
            for (int i = 0; i < 5; i++) {
                const cJSON *item = cJSON_GetArrayItem(data, i);
                cJSON_DeleteItemFromObject(report, keys[i]);
                if (cJSON_IsNumber(item))
                    cJSON_AddNumberToObject(report, keys[i], item->valuedouble);
            }
        }
        cJSON_Delete(json);
    }
    return report ? NIB_OK : nib_fail(err, NIB_ERR_INPUT, "%s: it has no line of the name Total", path);
}

/* A number, or a text that begins with one; not "n/a". */
static bool number_of(const cJSON *map, const char *key, double *number)
{
    const cJSON *item = cJSON_GetObjectItem(map, key);
    char *end = NULL;
    *number = cJSON_IsNumber(item) ? item->valuedouble : 0;
    if (cJSON_IsString(item))
        *number = strtod(item->valuestring, &end);
    return cJSON_IsNumber(item) || (end && end != item->valuestring);
}

/* Loops of oneAPI, one on a line: {"name": ..., "af": MHz, "ii": cycles, "lt": cycles}. The worst of each, as
 * hls4ml's report takes them. */
static nib_status read_loops(const reader *r, const char *path, char *text, nib_error *err)
{
    double clock = 0, ii = 0, latency = 0;
    char *rest = NULL;
    int number = 0, loops = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        double value;
        number++;
        if (line[strspn(line, " \t\r")] == '\0')
            continue;
        cJSON *json = cJSON_Parse(line);
        if (!json)
            return nib_fail(err, NIB_ERR_INPUT, "%s:%d: no JSON", path, number);
        loops += cJSON_GetObjectItem(json, "lt") != NULL;
        if (number_of(json, "af", &value) && value > 0)
            clock = 1000 / value > clock ? 1000 / value : clock;
        if (number_of(json, "ii", &value))
            ii = value > ii ? value : ii;
        if (number_of(json, "lt", &value))
            latency = value > latency ? value : latency;
        cJSON_Delete(json);
    }
    if (!loops)
        return NIB_OK;
    cJSON *report = add_report(r, path, "oneapi_loops", "oneAPI, the worst loop");
    cJSON_AddNumberToObject(report, "latency_cycles", latency);
    if (ii > 0)
        cJSON_AddNumberToObject(report, "ii_cycles", ii);
    if (clock > 0)
        cJSON_AddNumberToObject(report, "clock_ns", clock);
    return NIB_OK;
}

/* ---- Folders ---- */

static bool ends_in(const char *path, const char *suffix)
{
    const size_t n = strlen(path), m = strlen(suffix);
    return n >= m && strcmp(path + n - m, suffix) == 0;
}

static nib_status read_file(const reader *r, const char *path, nib_error *err)
{
    const char *base = nib_path_base(path);
    const bool xml = ends_in(base, "csynth.xml"), rpt = ends_in(base, ".rpt");
    const bool loops = strcmp(base, "loop_attr.ndjson") == 0;
    char *text;
    size_t bytes;
    if (!xml && !rpt && !loops && strcmp(base, "summary.ndjson") != 0)
        return NIB_OK;
    NIB_TRY(nib_file_read(r->arena, path, MOST_BYTES, &text, &bytes, err));
    if (xml)
        return read_csynth(r, path, text, err);
    if (loops)
        return read_loops(r, path, text, err);
    if (!rpt)
        return read_ndjson(r, path, text, err);
    read_utilization(r, path, text);
    return NIB_OK;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static nib_status read_folder(reader *r, const char *folder, int depth, nib_error *err)
{
    struct dirent **entry = NULL;
    const int n = depth < MOST_DEPTH ? scandir(folder, &entry, NULL, by_name) : 0;
    nib_status status = n < 0 ? nib_fail(err, NIB_ERR_INPUT, "%s: it cannot be read", folder) : NIB_OK;
    for (int i = 0; i < n; i++) {
        const char *path = nib_path_join(r->arena, folder, entry[i]->d_name);
        const bool hidden = entry[i]->d_name[0] == '.', link = entry[i]->d_type == DT_LNK;
        free(entry[i]);
        if (status != NIB_OK || hidden || link)
            continue;
        if (!path || ++r->entries > MOST_ENTRIES)
            status = nib_fail(err, NIB_ERR_INPUT, "%s: too many files", r->root);
        else if (nib_file_is_folder(path))
            status = read_folder(r, path, depth + 1, err);
        else
            status = read_file(r, path, err);
    }
    free(entry);
    return status;
}

nib_status nib_synth_reports_read(const char *folder, nib_arena *arena, cJSON **json, nib_error *err)
{
    reader r = {.arena = arena, .root = folder};
    *json = NULL;
    if (!nib_file_is_folder(folder))
        return nib_fail(err, NIB_ERR_INPUT, "%s is no folder", folder);
    cJSON *root = cJSON_CreateObject();
    r.reports = cJSON_AddArrayToObject(root, "reports");
    nib_status status = read_folder(&r, folder, 0, err);
    if (status == NIB_OK && cJSON_GetArraySize(r.reports) == 0)
        status = nib_fail(err, NIB_ERR_INPUT,
                          "%s: no csynth.xml, no utilisation .rpt and no summary.ndjson in it", folder);
    if (status != NIB_OK)
        cJSON_Delete(root);
    else
        *json = root;
    return status;
}
