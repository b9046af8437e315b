/* The float path of fixed-point types against the exact cast: every code, every half step and the floats
 * beside them, for every mode. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/cpu.h"
#include "core/rng.h"
#include "quant/grid_loops.h"
#include "tests/sanitized.h"

enum { BLOCK = 6 * 4096 };

/* Points are collected and handed to the float path a block at a time. */
typedef struct points {
    nib_fixed type;
    nib_grid grid;
    int n;
    int64_t done;
    float x[BLOCK], y[BLOCK];
} points;

static void flush(points *p)
{
    char text[NIB_FIXED_TEXT_BYTES];
    nib_grid_apply(&p->grid, p->n, p->x, p->y);
    for (int i = 0; i < p->n; i++) {
        const double wanted = nib_fixed_value(&p->type, nib_fixed_cast_double(&p->type, (double)p->x[i]));
        if ((double)p->y[i] != wanted)
            cr_assert_fail("%a as %s: %a instead of %a", (double)p->x[i],
                           nib_fixed_print(&p->type, NIB_FIXED_PLAIN, text), (double)p->y[i], wanted);
    }
    p->done += p->n;
    p->n = 0;
}

/* x and its neighbours, as far as they are normal floats or 0. */
static void add(points *p, double number)
{
    const float x = (float)number;
    const float near[] = {x, nextafterf(x, INFINITY), nextafterf(x, -INFINITY)};
    for (int i = 0; i < 3; i++)
        if (near[i] == 0.0f || isnormal(near[i])) {
            if (p->n == BLOCK)
                flush(p);
            p->x[p->n++] = near[i];
        }
}

static void add_code(points *p, int64_t code)
{
    add(p, nib_fixed_value(&p->type, code));
    add(p, ldexp((double)code + 0.5, -nib_fixed_fraction(&p->type)));
}

/* What no type is far from: far outside, tiny, the ends of the floats, half of the largest code. */
static void add_ends(points *p)
{
    const double highest = nib_fixed_value(&p->type, nib_fixed_highest(&p->type));
    static const double factors[] = {1,      1.5,    2,      2.5,    3,      16,     1e3,   1e6,
                                     0x1p22, 0x1p23, 0x1p24, 0x1p25, 0x1p47, 0x1p48, 0x1p49};
    for (int i = 0; i < 15; i++) {
        const double x = factors[i] * (highest > 0 ? highest : nib_fixed_step(&p->type));
        if (x < 0x1p126) {
            add(p, x);
            add(p, -x);
        }
    }
    static const double numbers[] = {0,          0x1p-126, 0x1p-120, 0x1p-60, 0x1p-25, 0.25,
                                     0.49999997, 0.5,      1,        8388609, 0x1p60,  0x1p126};
    for (int i = 0; i < 12; i++) {
        add(p, numbers[i]);
        add(p, -numbers[i]);
    }
}

static void set_type(points *p, const nib_fixed *type)
{
    p->type = *type;
    p->grid = nib_grid_of(type);
}

/* All codes from three ranges below to three above for narrow types, one and a bit beyond 2^10 codes. */
static void check_all_codes(points *p, const nib_fixed *type)
{
    set_type(p, type);
    const int64_t range = (int64_t)1 << type->bits, beyond = type->bits <= 10 ? range : 600;
    const int64_t first = type->is_signed ? -range / 2 - beyond : -beyond;
    for (int64_t code = first; code < first + range + 2 * beyond; code++)
        add_code(p, code);
    add_ends(p);
    flush(p);
}

static void each_mode(points *p, nib_fixed type, void (*check)(points *, const nib_fixed *))
{
    for (int modes = 0; modes < 2 * NIB_ROUNDING_COUNT * NIB_OVERFLOW_COUNT; modes++) {
        type.is_signed = modes % 2;
        type.rounding = (nib_rounding)(modes / 2 % NIB_ROUNDING_COUNT);
        type.overflow = (nib_overflow)(modes / 2 / NIB_ROUNDING_COUNT);
        check(p, &type);
    }
}

Test(grid, all_codes_up_to_16_bits)
{
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    points *p = NIB_NEW(arena, points, 1);
    for (int bits = 1; bits <= 16; bits++) {
        const int integers[] = {-5, 0, 1, bits, bits + 4, -64, 64};
        /* Where I is does not matter to the many codes of a wide type: two of them there. */
        for (int i = 0; i < (bits <= 10 ? 7 : 1); i++)
            each_mode(p, (nib_fixed){.bits = bits, .integer = integers[bits <= 10 ? i : bits % 5]},
                      check_all_codes);
    }
    cr_log_info("%lld floats", (long long)p->done);
    cr_expect(p->done > 60000000, "points: %lld", (long long)p->done);
    nib_arena_destroy(arena);
}

/* Each mode gets 2^20 codes over the eight widths and the two signs, so each width gets 28 * 2^17, and both
 * ends of each type. */
static void check_some_codes(points *p, const nib_fixed *type)
{
    set_type(p, type);
    const uint64_t range = (uint64_t)1 << type->bits;
    const int64_t first = type->is_signed ? -(int64_t)(range / 2) : 0;
    const nib_rng rng = {.seed = 5, .stream = nib_rng_stream("grid/codes"), .step = (uint32_t)type->bits};
    for (uint64_t i = 0; i < (1 << 16) / NIB_ONE_IN(8); i++)
        add_code(p, first + (int64_t)nib_rng_below(&rng, i, range));
    for (int64_t i = -200; i < 200; i++) {
        add_code(p, first + i);
        add_code(p, first + (int64_t)range + i);
    }
    add_ends(p);
    flush(p);
}

Test(grid, seeded_codes_up_to_24_bits)
{
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    points *p = NIB_NEW(arena, points, 1);
    for (int bits = 17; bits <= 24; bits++)
        each_mode(p, (nib_fixed){.bits = bits, .integer = bits % 3 * 12 - 4}, check_some_codes);
    cr_log_info("%lld floats", (long long)p->done);
    cr_expect(p->done > 100000000 / NIB_ONE_IN(8), "points: %lld", (long long)p->done);
    nib_arena_destroy(arena);
}

Test(grid, numbers_without_a_value)
{
    static const struct {
        nib_overflow overflow;
        float x, y;
    } table[] = {
        {NIB_OVERFLOW_SAT, INFINITY, 1.75f},     {NIB_OVERFLOW_SAT, -INFINITY, -2.0f},
        {NIB_OVERFLOW_SAT_SYM, INFINITY, 1.75f}, {NIB_OVERFLOW_SAT_SYM, -INFINITY, -1.75f},
        {NIB_OVERFLOW_SAT_ZERO, INFINITY, 0.0f}, {NIB_OVERFLOW_SAT_ZERO, -INFINITY, 0.0f},
        {NIB_OVERFLOW_WRAP, INFINITY, NAN},      {NIB_OVERFLOW_WRAP, -INFINITY, NAN},
        {NIB_OVERFLOW_WRAP, NAN, NAN},           {NIB_OVERFLOW_SAT, NAN, NAN},
        {NIB_OVERFLOW_SAT_ZERO, NAN, NAN},       {NIB_OVERFLOW_SAT_SYM, NAN, NAN},
    };
    for (int rounding = 0; rounding < NIB_ROUNDING_COUNT; rounding++)
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
            const nib_fixed type = {4, 2, true, (nib_rounding)rounding, table[i].overflow};
            const nib_grid grid = nib_grid_of(&type);
            float y;
            nib_grid_apply(&grid, 1, &table[i].x, &y);
            cr_expect(isnan(table[i].y) ? isnan(y) : y == table[i].y, "%g under %s, %s: %g",
                      (double)table[i].x, nib_rounding_name(type.rounding), nib_overflow_name(type.overflow),
                      (double)y);
        }
}

/* The rule the contracts spell out, and where adding a half goes wrong. */
Test(grid, rounding_up_from_half)
{
    static const float table[][2] = {{0.49999997f, 0},   {0.5f, 1},           {-0.5f, 0},
                                     {-0.50000006f, -1}, {8388609, 8388609},  {1.5f, 2},
                                     {-1.5f, -1},        {-0.49999997f, 0},   {4194303.5f, 4194304},
                                     {-1e-30f, 0},       {16777215, 16777215}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const float v = table[i][0];
        float t = floorf(v);
        t += v - t >= 0.5f ? 1.0f : 0.0f;
        cr_expect_eq(nib_grid_round(NIB_ROUNDING_RND, v), table[i][1], "RND of %a", (double)v);
        cr_expect_eq(t, table[i][1], "floor(v) + (v - floor(v) >= 0.5) of %a", (double)v);
    }
}

Test(grid, gradient_clips_or_passes)
{
    const nib_fixed type = {4, 2, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT};
    const nib_grid grid = nib_grid_of(&type);
    const float x[] = {-2.1f, -2.0f, 0.1f, 1.75f, 1.76f, 100, -100, 0};
    const float clipped[] = {0, 2, 3, 4, 0, 0, 0, 8};
    const float dy[] = {1, 2, 3, 4, 5, 6, 7, 8};
    float dx[8];
    nib_grid_gradient(&grid, true, 8, x, dy, dx);
    for (int i = 0; i < 8; i++)
        cr_expect_eq(dx[i], clipped[i], "clipped gradient at %g", (double)x[i]);
    nib_grid_gradient(&grid, false, 8, x, dy, dx);
    for (int i = 0; i < 8; i++)
        cr_expect_eq(dx[i], dy[i], "passed gradient at %g", (double)x[i]);
}

Test(grid, in_place)
{
    const nib_fixed type = {6, 2, true, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_WRAP};
    const nib_grid grid = nib_grid_of(&type);
    float x[37], y[37];
    for (int i = 0; i < 37; i++)
        x[i] = (float)(i - 18) * 0.37f;
    nib_grid_apply(&grid, 37, x, y);
    nib_grid_apply(&grid, 37, x, x);
    cr_expect_eq(memcmp(x, y, sizeof x), 0, "in place gives other values");
}

/* The loops of every instruction set give the bits of the baseline's. */
Test(grid, instruction_sets_agree)
{
    enum { N = 1013 };
    static float x[N], u[N], want[N], got[N];
    const nib_rng rng = {.seed = 3, .stream = nib_rng_stream("grid/sets")};
    for (int i = 0; i < N; i++) {
        x[i] = (float)nib_rng_normal(&rng, (uint64_t)i) * ldexpf(1.0f, i % 9 - 4);
        u[i] = (float)nib_rng_uniform(&rng, (uint64_t)i) * 0.9999999f;
        if (i % 3 == 0)
            x[i] = floorf(x[i] * 8.0f) / 8.0f;
    }
    x[5] = NAN;
    x[6] = INFINITY;
    for (nib_isa isa = NIB_ISA_AVX2; isa < NIB_ISA_COUNT; isa++) {
        if (!nib_isa_supported(isa))
            continue;
        const nib_grid_loops *base = nib_grid_loops_for(NIB_ISA_BASELINE), *loops = nib_grid_loops_for(isa);
        for (int modes = 0; modes < NIB_ROUNDING_COUNT * NIB_OVERFLOW_COUNT; modes++) {
            const nib_fixed type = {6, 3, modes % 5 != 0, (nib_rounding)(modes % NIB_ROUNDING_COUNT),
                                    (nib_overflow)(modes / NIB_ROUNDING_COUNT)};
            const nib_grid grid = nib_grid_of(&type);
            for (int random = 0; random < 2; random++) {
                (random ? base->apply_random(&grid, N, x, u, want) : base->apply(&grid, N, x, want));
                (random ? loops->apply_random(&grid, N, x, u, got) : loops->apply(&grid, N, x, got));
                for (int i = 0; i < N; i++)
                    cr_assert(want[i] == got[i] || (isnan(want[i]) && isnan(got[i])),
                              "%s: %a under %s, %s is %a, not %a", nib_isa_name(isa), (double)x[i],
                              nib_rounding_name(type.rounding), nib_overflow_name(type.overflow),
                              (double)got[i], (double)want[i]);
            }
        }
        base->pass(-1.0f, 2.0f, N, x, u, want);
        loops->pass(-1.0f, 2.0f, N, x, u, got);
        cr_expect_eq(memcmp(want, got, sizeof want), 0, "%s: another gradient", nib_isa_name(isa));
    }
}

/* Up with the probability of the fraction, and nowhere else than to the two codes beside x. */
Test(grid, random_rounding)
{
    const nib_fixed type = {6, 3, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT};
    const nib_grid grid = nib_grid_of(&type);
    static const float table[][4] = {{0.3f, 0.25f, 0.375f, 0.4f},
                                     {-0.3f, -0.375f, -0.25f, 0.6f},
                                     {0.25f, 0.25f, 0.25f, 0.0f},
                                     {9.0f, 3.875f, 3.875f, 0.0f},
                                     {-4.05f, -4.0f, -4.0f, 0.6f}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        for (int k = 0; k < 1000; k++) {
            const float u = (float)k / 1000.0f;
            float y;
            nib_grid_apply_random(&grid, 1, &table[i][0], &u, &y);
            const float want = u < table[i][3] ? table[i][2] : table[i][1];
            cr_assert(y == want || fabsf(u - table[i][3]) < 1e-5f, "%g with u = %g: %g", (double)table[i][0],
                      (double)u, (double)y);
        }
}
