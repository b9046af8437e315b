#include "tools/describe_quantizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/cpu.h"
#include "quant/quantizer.h"
#include "tools/figure.h"

enum { POINTS = 6001, FLOAT_EVERY = 30, WIDTH = 760, HEIGHT = 640 };

bool nib_describe_is_quantizer(const char *text)
{
    return text[strcspn(text, "(<")] != '\0';
}

static nib_status read(nib_arena *arena, const char *text, nib_quantizer_config *q, nib_error *err)
{
    return arena ? nib_quantizer_parse(arena, text, q, err) : nib_fail_memory(err, "describe");
}

/* The type of channel 0, as far as it does not depend on values. */
static nib_status type_of(nib_arena *arena, const nib_quantizer_config *q, nib_fixed *type,
                          nib_lowered *lowered, nib_error *err)
{
    const int64_t channels = nib_quantizer_channels(q);
    const nib_quantize_call call = {.rows = 1, .cols = channels > 0 ? channels : 1, .stride = 1};
    *lowered = (nib_lowered){.type = NIB_NEW(arena, nib_fixed, call.cols)};
    if (!lowered->type)
        return nib_fail_memory(err, "describe");
    NIB_TRY(nib_quantizer_lower(q, &call, lowered, err));
    *type = lowered->type[0];
    return NIB_OK;
}

/* ---- Text ---- */

static void print_type(nib_arena *arena, const nib_quantizer_config *q)
{
    nib_error err = {NIB_OK, ""};
    nib_fixed type;
    nib_lowered lowered;
    char text[NIB_FIXED_TEXT_BYTES];
    if (type_of(arena, q, &type, &lowered, &err) != NIB_OK) {
        printf("  in hardware: %s\n", err.message);
        return;
    }
    for (int64_t i = 0; i < lowered.n_types; i++) {
        const nib_fixed *t = &lowered.type[i];
        printf(lowered.n_types > 1 ? "  in hardware, channel %lld: " : "  in hardware: ", (long long)i);
        if (t->bits == 0) {
            printf("0 (removed)\n");
            continue;
        }
        printf("%s, %.9g to %.9g in steps of %.9g; %s\n", nib_fixed_print(t, NIB_FIXED_PLAIN, text),
               nib_fixed_value(t, nib_fixed_lowest(t)), nib_fixed_value(t, nib_fixed_highest(t)),
               nib_fixed_step(t),
               lowered.is_cast    ? "y is x cast to it"
               : lowered.is_table ? "y lies on it: a table of x"
                                  : "y lies on it");
    }
}

nib_status nib_describe_quantizer(const char *text, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_quantizer_config q;
    const nib_status status = read(arena, text, &q, err);
    if (status == NIB_OK) {
        const char *written = nib_quantizer_print(arena, &q);
        printf("%s\n  %s\n  source: %s\n", written ? written : text, q.type->help, q.type->source);
        if (q.warning)
            printf("  warning: %s\n", q.warning);
        print_type(arena, &q);
        printf("  options: nibble describe %s\n", q.type->name);
    }
    nib_arena_destroy(arena);
    return status;
}

/* ---- Figure ---- */

typedef struct curves {
    float x[POINTS], one[POINTS];
    float y[POINTS], training[POINTS], unquantized[POINTS];
    float slope[POINTS], unquantized_slope[POINTS];
    bool differs; /* training from evaluation */
} curves;

/* A range of x that shows the ends of the values and what lies beyond. */
static void fill_x(nib_arena *arena, const nib_quantizer_config *q, curves *c)
{
    nib_fixed type = {0};
    nib_lowered lowered;
    double lowest = -1.5, highest = 1.5;
    if (type_of(arena, q, &type, &lowered, NULL) == NIB_OK && type.bits > 0) {
        lowest = nib_fixed_value(&type, nib_fixed_lowest(&type));
        highest = nib_fixed_value(&type, nib_fixed_highest(&type));
        if (lowered.is_table && highest <= 1.0) { /* tanh and the like reach their ends far out */
            lowest = -3.0;
            highest = 3.0;
        }
    }
    const double margin = 0.35 * (highest - lowest);
    for (int i = 0; i < POINTS; i++) {
        c->x[i] = (float)(lowest - margin + (highest - lowest + 2.0 * margin) * i / (POINTS - 1));
        c->one[i] = 1.0f;
    }
}

static nib_quantize_call column(const nib_quantizer_config *q, const curves *c)
{
    return (nib_quantize_call){
        .options = q->options, .rows = POINTS, .cols = 1, .stride = 1, .x = c->x, .dy = c->one};
}

static void compute(const nib_quantizer_config *q, curves *c)
{
    nib_quantize_call call = column(q, c);
    call.y = c->y;
    nib_quantizer_forward(q->type, &call);
    call.training = true;
    call.rng = (nib_rng){.seed = 1};
    call.y = c->training;
    call.dx = c->slope;
    nib_quantizer_forward(q->type, &call);
    nib_quantizer_backward(q->type, &call);
    c->differs = memcmp(c->training, c->y, sizeof c->y) != 0;
    memcpy(c->unquantized, c->x, sizeof c->x);
    memcpy(c->unquantized_slope, c->one, sizeof c->one);
    call.y = c->unquantized;
    call.dx = c->unquantized_slope;
    if (q->type->unquantized)
        q->type->unquantized(&call);
    if (q->type->unquantized_backward)
        q->type->unquantized_backward(&call);
}

/* Both ends of every level: what a line needs to be a staircase. */
static void write_steps(FILE *data, const float *x, const float *y)
{
    for (int i = 0; i < POINTS; i++)
        if (i == 0 || i == POINTS - 1 || y[i] != y[i - 1] || y[i] != y[i + 1])
            fprintf(data, "%.7g %.7g\n", (double)x[i], (double)y[i]);
}

static void write_data(nib_figure *figure, const curves *c)
{
    FILE *data = nib_figure_data(figure);
    fprintf(data, "# 0: x y\n");
    write_steps(data, c->x, c->y);
    (void)nib_figure_next(figure);
    fprintf(data, "# 1: x y of the float function\n");
    for (int i = 0; i < POINTS; i += FLOAT_EVERY)
        fprintf(data, "%.7g %.7g\n", (double)c->x[i], (double)c->unquantized[i]);
    (void)nib_figure_next(figure);
    fprintf(data, "# 2: x dy/dx\n");
    write_steps(data, c->x, c->slope);
    (void)nib_figure_next(figure);
    fprintf(data, "# 3: x dy/dx of the float function\n");
    write_steps(data, c->x, c->unquantized_slope);
    (void)nib_figure_next(figure);
    fprintf(data, "# 4: x y in training (a draw)\n");
    for (int i = 0; i < POINTS; i += FLOAT_EVERY / 2)
        fprintf(data, "%.7g %.7g\n", (double)c->x[i], (double)c->training[i]);
}

static void write_script(nib_figure *figure, const char *title, const curves *c)
{
    FILE *s = nib_figure_script(figure);
    char quoted[256];
    fprintf(s, "set key top left Left reverse inside opaque\nset multiplot layout 2,1 margins "
               "0.09,0.97,0.09,0.93 spacing 0.12\n");
    fprintf(s, "set title \"%s\" font ',11'\n", nib_figure_quote(title, quoted, sizeof quoted));
    fprintf(s, "set xrange [%.7g:%.7g]\nset offsets 0, 0, graph 0.06, graph 0.06\nset ylabel 'y'\n",
            (double)c->x[0], (double)c->x[POINTS - 1]);
    fprintf(s, "plot DATA index 1 using 1:2 with lines lc rgb '#999999' dt 2 title 'float', \\\n");
    if (c->differs)
        fprintf(s, "     DATA index 4 using 1:2 with points lt 2 ps 0.35 title 'training (one draw)', \\\n");
    fprintf(s, "     DATA index 0 using 1:2 with lines lt 1 title 'quantized'\n");
    fprintf(
        s,
        "unset title\nset xlabel 'x'\nset ylabel 'gradient dy/dx'\nset offsets 0, 0, graph 0.5, graph 0.1\n");
    fprintf(
        s,
        "plot DATA index 3 using 1:2 with lines lc rgb '#999999' dt 2 title 'float', \\\n"
        "     DATA index 2 using 1:2 with lines lt 2 title 'straight-through estimator'\nunset multiplot\n");
}

nib_status nib_describe_plot(const char *text, const char *path, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_quantizer_config q;
    nib_figure *figure = NULL;
    nib_cpu_flush_denormals();
    nib_status status = read(arena, text, &q, err);
    curves *c = status == NIB_OK ? NIB_NEW(arena, curves, 1) : NULL;
    if (status == NIB_OK && !c)
        status = nib_fail_memory(err, "describe");
    if (status == NIB_OK)
        status = nib_figure_create(path, WIDTH, HEIGHT, &figure, err);
    if (status == NIB_OK) {
        fill_x(arena, &q, c);
        compute(&q, c);
        write_data(figure, c);
        write_script(figure, text, c);
        status = nib_figure_draw(figure, err);
    }
    nib_arena_destroy(arena);
    return status;
}
