#include "train/initializer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/names.h"
#include "core/rng.h"

typedef enum fan { FAN_IN, FAN_MEAN } fan;
typedef enum distribution { CONSTANT, UNIFORM, NORMAL } distribution;

/* scale / fan is the variance of VarianceScaling; constants have their value in `scale`, or as an option. */
typedef struct initializer {
    const char *name, *help;
    distribution distribution;
    fan fan;
    double scale;
    bool has_value;
} initializer;

/* Source: Keras initializers (LeCun 1998, Glorot and Bengio 2010, He et al. 2015). */
static const initializer table[] = {
    {"glorot_uniform", "uniform in +-sqrt(6 / (fan_in + fan_out)), for tanh and sigmoid; Keras' default",
     UNIFORM, FAN_MEAN, 1, false},
    {"glorot_normal", "normal, variance 2 / (fan_in + fan_out), cut at two deviations", NORMAL, FAN_MEAN, 1,
     false},
    {"he_uniform", "uniform in +-sqrt(6 / fan_in), for relu", UNIFORM, FAN_IN, 2, false},
    {"he_normal", "normal, variance 2 / fan_in, cut at two deviations, for relu", NORMAL, FAN_IN, 2, false},
    {"lecun_uniform", "uniform in +-sqrt(3 / fan_in)", UNIFORM, FAN_IN, 1, false},
    {"lecun_normal", "normal, variance 1 / fan_in, cut at two deviations", NORMAL, FAN_IN, 1, false},
    {"zeros", "0", CONSTANT, FAN_IN, 0, false},
    {"ones", "1", CONSTANT, FAN_IN, 1, false},
    {"constant", "a given number: {constant: 0.1}", CONSTANT, FAN_IN, 0, true},
};
enum { N_INITIALIZERS = sizeof table / sizeof table[0] };

bool nib_initializer_row(int index, const char **name, const char **help)
{
    if (index < 0 || index >= N_INITIALIZERS)
        return false;
    *name = table[index].name;
    *help = table[index].help;
    return true;
}

static int find(const char *name)
{
    for (int i = 0; i < N_INITIALIZERS; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

static const char *nearest(const char *name)
{
    const char *names[N_INITIALIZERS];
    for (int i = 0; i < N_INITIALIZERS; i++)
        names[i] = table[i].name;
    return nib_names_nearest(name, names, N_INITIALIZERS);
}

static nib_status read_value(const nib_doc *node, const nib_doc *body, const char *path,
                             nib_initializer_config *config, nib_error *err)
{
    static const nib_option value = {.name = "value", .kind = NIB_OPTION_FLOAT, .unit = "", .help = "number"};
    const initializer *type = &table[config->kind];
    if (type->has_value && !body)
        return nib_doc_fail(&node->place, err, NIB_ERR_CONFIG, "%s: %s needs its number: {%s: 0.1}", path,
                            type->name, type->name);
    if (!type->has_value && body)
        return nib_doc_fail(&body->place, err, NIB_ERR_CONFIG, "%s: %s takes no number", path, type->name);
    /* A number needs no memory, so there is no arena to give. */
    return body ? nib_options_read_value(NULL, &value, body, path, &config->value, err) : NIB_OK;
}

nib_status nib_initializer_read(const nib_doc *node, const char *initial, const char *path,
                                nib_initializer_config *config, nib_error *err)
{
    const char *name = initial;
    const nib_doc *body = NULL;
    if (node)
        NIB_TRY(nib_options_split_choice(node, path, "initializer", &name, &body, err));
    *config = (nib_initializer_config){.kind = find(name)};
    if (config->kind >= 0 && !node)
        return NIB_OK;
    if (config->kind >= 0)
        return read_value(node, body, path, config, err);
    const nib_doc_place nowhere = {"", 0, 0};
    const char *near = nearest(name);
    return nib_doc_fail(node ? &node->place : &nowhere, err, NIB_ERR_CONFIG,
                        "%s: there is no initializer '%.80s'%s%s%s (see nibble list initializers)", path,
                        name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

nib_doc *nib_initializer_write(nib_arena *arena, const nib_initializer_config *config)
{
    const initializer *type = &table[config->kind];
    if (!type->has_value)
        return nib_doc_new_scalar(arena, type->name);
    char number[NIB_NUMBER_BYTES];
    nib_format_double(config->value, number);
    nib_doc *map = nib_doc_new_map(arena);
    return map && nib_doc_add(arena, map, type->name, nib_doc_new_scalar(arena, number)) ? map : NULL;
}

/* Standard normal without the values beyond two deviations: those are drawn again, in the next step. */
static double truncated_normal(nib_rng rng, uint64_t element)
{
    double z = nib_rng_normal(&rng, element);
    while (fabs(z) > 2) {
        rng.step++;
        z = nib_rng_normal(&rng, element);
    }
    return z;
}

static double fan_of(const initializer *type, const nib_param *row)
{
    /* As Keras: the fans of a vector are both its length. */
    const double in = (double)(row->rank == 1 ? row->cols : row->rows), out = (double)row->cols;
    return type->fan == FAN_IN ? in : 0.5 * (in + out);
}

void nib_initializer_fill(const nib_initializer_config *config, nib_params *params, int index, uint64_t seed)
{
    const initializer *type = &table[config->kind];
    const nib_param *row = &params->row[index];
    char name[512];
    (void)snprintf(name, sizeof name, "%s/init", row->name);
    const nib_rng rng = {.seed = seed, .stream = nib_rng_stream(name)};
    const double variance = type->scale / fan_of(type, row);
    const double limit = sqrt(3 * variance), deviation = sqrt(variance) / 0.87962566103423978;
    for (int64_t r = 0; r < row->rows; r++)
        for (int64_t c = 0; c < row->cols; c++) {
            const uint64_t element = (uint64_t)(r * row->cols + c);
            double value = type->has_value ? config->value : type->scale;
            if (type->distribution == UNIFORM)
                value = limit * (2 * nib_rng_uniform(&rng, element) - 1);
            else if (type->distribution == NORMAL)
                value = deviation * truncated_normal(rng, element);
            params->value[row->offset + r * row->stride + c] = (float)value;
        }
}
