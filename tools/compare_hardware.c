#include "tools/compare_hardware.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tools/numbers.h"
#include "train/emulate.h"

/* The outputs of the engine side by side. */
typedef struct answers {
    const nib_fixnet *net;
    int64_t width;
    int64_t **code; /* [n_outputs][rows, own width] */
} answers;

static int64_t output_width(const nib_fixnet *net, int output)
{
    const nib_fix_node *node = &net->node[net->output[output].node];
    return node->positions * node->features;
}

static nib_status emulate(const nib_fixnet *net, const nib_dataset *data, int64_t rows, nib_team *team,
                          nib_arena *arena, answers *a, nib_error *err)
{
    nib_emulator *emulator = NULL;
    const float **input = NIB_NEW(arena, const float *, net->n_inputs);
    *a = (answers){.net = net, .code = NIB_NEW(arena, int64_t *, net->n_outputs)};
    if (!input || !a->code)
        return nib_fail_memory(err, "comparison");
    for (int i = 0; i < net->n_inputs; i++)
        input[i] = data->input[i].x;
    for (int i = 0; i < net->n_outputs; i++) {
        a->width += output_width(net, i);
        a->code[i] = NIB_NEW(arena, int64_t, rows * output_width(net, i));
        if (!a->code[i])
            return nib_fail_memory(err, "comparison");
    }
    NIB_TRY(nib_emulator_create(&emulator, net, team, err));
    nib_emulator_run(emulator, input, rows, a->code, NULL);
    nib_emulator_destroy(emulator);
    return NIB_OK;
}

/* The code that the hardware's number stands for. */
static bool code_of(const nib_fixed *type, double value, bool is_code, int64_t *code)
{
    const double v = is_code || type->bits == 0 ? value : value / nib_fixed_step(type);
    const double nearest = rint(v);
    *code = 0;
    if (!(fabs(v - nearest) <= 0.25) || fabs(nearest) > 0x1p62)
        return false;
    *code = (int64_t)nearest;
    return true;
}

static void note_first(nib_hardware_comparison *c, const answers *a, int output, int64_t element,
                       const nib_hardware_difference *found)
{
    const nib_fix_node *node = &a->net->node[a->net->output[output].node];
    const nib_fixed type = nib_fix_type_at(&node->type, element);
    nib_hardware_difference *d = &c->first;
    *d = *found;
    d->target = a->net->output[output].target;
    d->element = element;
    const uint64_t bits = (uint64_t)d->wanted_code ^ (uint64_t)d->found_code;
    const uint64_t own = type.bits ? bits & (((uint64_t)1 << type.bits) - 1) : bits;
    d->low_bit = own ? __builtin_ctzll(own) : type.bits; /* beyond the type: its first bit above */
    d->high_bit = own ? 63 - __builtin_clzll(own) : type.bits;
    if (type.bits)
        (void)nib_fixed_print(&type, NIB_FIXED_PLAIN, c->type);
}

static void compare_row(nib_hardware_comparison *c, const answers *a, const nib_numbers *numbers, int64_t row)
{
    int64_t column = 0, differing = 0;
    for (int i = 0; i < a->net->n_outputs; i++) {
        const nib_fix_node *node = &a->net->node[a->net->output[i].node];
        for (int64_t e = 0; e < output_width(a->net, i); e++, column++) {
            const nib_fixed type = nib_fix_type_at(&node->type, e);
            nib_hardware_difference d = {.row = row,
                                         .column = column,
                                         .wanted_code = a->code[i][row * output_width(a->net, i) + e],
                                         .found = numbers->value[row * numbers->columns + column]};
            d.wanted = type.bits ? nib_fixed_value(&type, d.wanted_code) : 0;
            d.on_grid = code_of(&type, d.found, numbers->integers, &d.found_code);
            if (d.on_grid && numbers->integers)
                d.found = type.bits ? nib_fixed_value(&type, d.found_code) : d.found;
            if (d.on_grid && d.found_code == d.wanted_code)
                continue;
            const int64_t steps =
                d.found_code > d.wanted_code ? d.found_code - d.wanted_code : d.wanted_code - d.found_code;
            c->largest = d.on_grid && steps > c->largest ? steps : c->largest;
            if (c->first.row < 0)
                note_first(c, a, i, e, &d);
            differing++;
        }
    }
    c->differing += differing;
    c->differing_rows += differing > 0;
}

static nib_status compare(const nib_fixnet *net, const nib_dataset *data, const char *path, nib_team *team,
                          nib_arena *arena, nib_hardware_comparison *c, nib_error *err)
{
    nib_numbers numbers;
    answers a;
    int64_t width = 0;
    NIB_TRY(nib_numbers_read(path, arena, &numbers, err));
    for (int i = 0; i < net->n_outputs; i++)
        width += output_width(net, i);
    if (numbers.columns != width)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: rows of %" PRId64 " numbers; the network's outputs side by side have %" PRId64,
                        path, numbers.columns, width);
    if (numbers.rows > data->rows)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %" PRId64 " rows; the data have %" PRId64, path,
                        numbers.rows, data->rows);
    *c = (nib_hardware_comparison){.rows = numbers.rows, .columns = width, .first = {.row = -1}};
    NIB_TRY(emulate(net, data, numbers.rows, team, arena, &a, err));
    for (int64_t row = 0; row < numbers.rows; row++)
        compare_row(c, &a, &numbers, row);
    return NIB_OK;
}

nib_status nib_hardware_compare(const nib_fixnet *net, const nib_dataset *data, const char *path,
                                nib_team *team, nib_hardware_comparison *comparison, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_status status =
        arena ? compare(net, data, path, team, arena, comparison, err) : nib_fail_memory(err, "comparison");
    nib_arena_destroy(arena);
    return status;
}

void nib_hardware_print(const nib_hardware_comparison *c, FILE *out)
{
    const nib_hardware_difference *d = &c->first;
    if (d->row < 0) {
        fprintf(out, "%" PRId64 " rows of %" PRId64 " outputs: all equal the integer engine's\n", c->rows,
                c->columns);
        return;
    }
    fprintf(out,
            "%" PRId64 " of %" PRId64 " outputs differ, in %" PRId64 " of %" PRId64
            " rows\nfirst: row %" PRId64 ", column %" PRId64 ", which is %s[%" PRId64
            "], %s:\n  the engine gives %.9g, code %" PRId64 "\n",
            c->differing, c->rows * c->columns, c->differing_rows, c->rows, d->row, d->column, d->target,
            d->element, *c->type ? c->type : "removed", d->wanted, d->wanted_code);
    if (!d->on_grid) {
        fprintf(out, "  the file has %.9g, which is no number of the type\n", d->found);
        return;
    }
    fprintf(out, "  the file has %.9g, code %" PRId64 "\n  ", d->found, d->found_code);
    if (d->low_bit == d->high_bit)
        fprintf(out, "bit %d differs", d->low_bit);
    else
        fprintf(out, "the lowest bit that differs is %d, the highest %d", d->low_bit, d->high_bit);
    fprintf(out, " (bit 0 is the last one)\nlargest difference: %" PRId64 " steps\n", c->largest);
}
