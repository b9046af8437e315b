/* Clustering, grooming and the observables: closed formulas for few particles, invariances, and a naive
 * program written independently (all pairs searched in every step, sums as the header states them). */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/clustering.h"
#include "datasets/observables.h"

enum { MOST = 96 };

static nib_arena *arena;
static nib_observables_work *work;

static void setup(void)
{
    arena = nib_arena_create();
    work = arena ? nib_observables_work_create(arena, MOST) : NULL;
    cr_assert_not_null(work, "no memory for the work space");
}

static void teardown(void)
{
    nib_arena_destroy(arena);
}

TestSuite(observables, .init = setup, .fini = teardown);

static void expect(const float *got, nib_observable which, double wanted)
{
    double off = fabs((double)got[which] - wanted);
    cr_assert(off <= 2e-6 * fabs(wanted) + 1e-12, "%s is %.9g, expected %.9g", nib_observable_names[which],
              (double)got[which], wanted);
}

Test(observables, no_constituents_and_padding_give_zeros)
{
    const float x[2][3] = {{0, 0.1F, 0.2F}, {-1, 0, 0}};
    float out[NIB_OBSERVABLES];
    for (int rows = 0; rows <= 2; rows++) {
        memset(out, 1, sizeof out);
        nib_observables_compute(work, x[0], rows, out);
        for (int c = 0; c < NIB_OBSERVABLES; c++)
            cr_assert(out[c] == 0, "%s of an empty jet of %d rows is %g", nib_observable_names[c], rows,
                      (double)out[c]);
    }
}

Test(observables, single_particle_has_only_a_count)
{
    const float x[3] = {250, 0.1F, -0.3F};
    float out[NIB_OBSERVABLES];
    nib_observables_compute(work, x, 1, out);
    for (int c = 0; c < NIB_OBSERVABLE_MULTIPLICITY; c++)
        cr_assert(out[c] == 0, "%s of one particle is %g, not 0", nib_observable_names[c], (double)out[c]);
    expect(out, NIB_OBSERVABLE_MULTIPLICITY, 1);
}

Test(observables, two_particles_by_hand)
{
    const float x[2][3] = {{60, -0.125F, 0.25F}, {40, 0.25F, -0.25F}}; /* R = 0.625 */
    float out[NIB_OBSERVABLES];
    nib_observables_compute(work, x[0], 2, out);
    expect(out, NIB_OBSERVABLE_ZLOGZ, 0.6 * log(0.6) + 0.4 * log(0.4));
    expect(out, NIB_OBSERVABLE_C1_B0, 0.24);
    expect(out, NIB_OBSERVABLE_C1_B1, 0.24 * 0.625);
    expect(out, NIB_OBSERVABLE_C1_B2, 0.24 * 0.390625);
    for (int c = NIB_OBSERVABLE_C2_B1; c <= NIB_OBSERVABLE_N2_B2; c++)
        expect(out, (nib_observable)c, 0); /* no triples */
    expect(out, NIB_OBSERVABLE_MASS, sqrt(2 * 60 * 40 * (cosh(0.375) - cos(0.5))));
    expect(out, NIB_OBSERVABLE_MULTIPLICITY, 2);
}

Test(observables, three_particles_by_hand)
{
    /* R = 0.5 (1, 2), 0.3 (1, 3), 0.4 (2, 3); z = 1/2, 1/4, 1/4 */
    const float x[3][3] = {{50, 0, 0}, {25, 0.3F, 0.4F}, {25, 0.3F, 0}};
    float out[NIB_OBSERVABLES];
    nib_observables_compute(work, x[0], 3, out);
    double zzz = 1.0 / 32, e2 = 0.125 * 0.5 + 0.125 * 0.3 + 0.0625 * 0.4;
    double e2_b2 = 0.125 * 0.25 + 0.125 * 0.09 + 0.0625 * 0.16, e3 = zzz * 0.06, e3_b2 = zzz * 0.0036;
    const double wanted[NIB_OBSERVABLES] = {
        0.5 * log(0.5) + 0.5 * log(0.25),
        0.3125,
        e2,
        e2_b2,
        e3 / (e2 * e2),
        e3_b2 / (e2_b2 * e2_b2),
        e3 / pow(e2, 3),
        e3_b2 / pow(e2_b2, 3),
        e3 / pow(e2, 3),
        e3 / pow(e2_b2, 1.5),
        zzz * 0.3 / e2,
        zzz * 0.09 / e2_b2,
        zzz * 0.12 / (e2 * e2),
        zzz * 0.0144 / (e2_b2 * e2_b2),
        sqrt(2 * (1250 * (cosh(0.3) - cos(0.4)) + 1250 * (cosh(0.3) - 1) + 625 * (1 - cos(0.4)))),
        3};
    for (int c = 0; c < NIB_OBSERVABLES; c++)
        expect(out, (nib_observable)c, wanted[c]);
}

Test(observables, grooming_drops_the_softer_branch_below_a_tenth)
{
    float out[NIB_OBSERVABLES];
    const float kept[2][3] = {{89, 0, 0}, {11, 0.5F, 0}}, dropped[2][3] = {{91, 0, 0}, {9, 0.5F, 0}};
    nib_observables_compute(work, kept[0], 2, out);
    expect(out, NIB_OBSERVABLE_MULTIPLICITY, 2);
    nib_observables_compute(work, dropped[0], 2, out);
    expect(out, NIB_OBSERVABLE_MULTIPLICITY, 1);
    expect(out, NIB_OBSERVABLE_MASS, 0);
    /* The far one goes, the near pair stays though one of it is softer still: it is judged against its twin.
     */
    const float deep[3][3] = {{91, 0, 0}, {4, 0.5F, 0}, {5, 0.52F, 0}};
    const float core[3][3] = {{80, 0, 0}, {15, 0.1F, 0}, {5, 0.6F, 0}};
    nib_observables_compute(work, deep[0], 3, out);
    expect(out, NIB_OBSERVABLE_MULTIPLICITY, 1);
    nib_observables_compute(work, core[0], 3, out);
    expect(out, NIB_OBSERVABLE_MULTIPLICITY, 2);
    expect(out, NIB_OBSERVABLE_C1_B0, (80.0 / 95) * (15.0 / 95));
    /* A chain that never passes ends at one particle; a passing split shields soft ones below it. */
    const float chain[3][3] = {{100, 0, 0}, {1, 0.1F, 0}, {2, 0.5F, 0}};
    const float shield[3][3] = {{50, 0, 0}, {1, 0.1F, 0}, {40, 0.6F, 0}};
    nib_observables_compute(work, chain[0], 3, out);
    expect(out, NIB_OBSERVABLE_MULTIPLICITY, 1);
    nib_observables_compute(work, shield[0], 3, out);
    expect(out, NIB_OBSERVABLE_MULTIPLICITY, 3);
}

Test(observables, history_is_by_distance)
{
    nib_clustering *c = nib_clustering_create(arena, 4);
    cr_assert_not_null(c, "no memory");
    nib_clustering_clear(c);
    nib_clustering_add(c, 10, 0, 3.1);
    nib_clustering_add(c, 10, 0.5, 0);
    nib_clustering_add(c, 10, 0, -3.1); /* 0.083 from the first, around the back */
    nib_clustering_add(c, 10, 0.5, 0.3);
    nib_clustering_run(c);
    const int first[2] = {0, 2}, second[2] = {1, 3}, third[2] = {4, 5}, *wanted[3] = {first, second, third};
    for (int s = 0; s < 3; s++) {
        int a = c->child[s][0], b = c->child[s][1];
        cr_assert((a < b ? a : b) == wanted[s][0] && (a < b ? b : a) == wanted[s][1],
                  "step %d merged %d and %d, expected %d and %d", s, a, b, wanted[s][0], wanted[s][1]);
    }
    cr_assert(fabs(nib_momentum_pt(c->node[4]) - 20 * cos(3.14159265358979 - 3.1)) < 1e-9,
              "pT of the pair around the back is %.12g", nib_momentum_pt(c->node[4]));
    int leaf[4];
    cr_assert(nib_clustering_leaves(c, 5, leaf) == 2 && leaf[0] + leaf[1] == 4, "leaves of the second pair");
}

/** Small numbers from a fixed sequence: this test does not depend on nibble's generator. */
static double draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0;
}

static int make_jet(uint64_t *state, int n, float (*x)[3])
{
    for (int i = 0; i < n; i++) {
        double r = draw(state);
        x[i][0] = (float)(0.5 + 200 * r * r * r * r);
        x[i][1] = (float)(1.2 * (draw(state) - 0.5) * draw(state));
        x[i][2] = (float)(1.2 * (draw(state) - 0.5) * draw(state));
    }
    return n;
}

typedef struct vector4 {
    double x, y, z, t;
    int count, member[MOST];
    int a, b;
} vector4;

static double rapidity(const vector4 *v)
{
    return 0.5 * log((v->t + v->z) / (v->t - v->z));
}

static double separation(const vector4 *v, const vector4 *w)
{
    double dphi = fabs(atan2(v->y, v->x) - atan2(w->y, w->x)), dy = rapidity(v) - rapidity(w);
    if (dphi > M_PI)
        dphi = 2 * M_PI - dphi;
    return dy * dy + dphi * dphi;
}

/** All pairs searched in every step. @return the groomed object (its members are the groomed constituents) */
static const vector4 *naive_groom(float (*x)[3], int n, vector4 *node)
{
    int live[MOST], count = n, made = n;
    for (int i = 0; i < n; i++) {
        double pt = (double)x[i][0], eta = (double)x[i][1], phi = (double)x[i][2];
        node[i] = (vector4){pt * cos(phi), pt * sin(phi), pt * sinh(eta), pt * cosh(eta),
                            .count = 1,    .a = -1,       .b = -1};
        node[i].member[0] = i;
        live[i] = i;
    }
    for (; count > 1; count--, made++) {
        int p = 0, q = 1;
        for (int i = 0; i < count; i++)
            for (int j = i + 1; j < count; j++)
                if (separation(&node[live[i]], &node[live[j]]) < separation(&node[live[p]], &node[live[q]])) {
                    p = i;
                    q = j;
                }
        const vector4 *v = &node[live[p]], *w = &node[live[q]];
        vector4 *sum = &node[made];
        *sum = (vector4){v->x + w->x, v->y + w->y, v->z + w->z, v->t + w->t, .count = v->count + w->count};
        memcpy(sum->member, v->member, sizeof(int) * (size_t)v->count);
        memcpy(sum->member + v->count, w->member, sizeof(int) * (size_t)w->count);
        sum->a = live[p];
        sum->b = live[q];
        live[p] = made;
        live[q] = live[count - 1];
    }
    const vector4 *top = &node[made - 1];
    while (top->a >= 0) {
        double pa = hypot(node[top->a].x, node[top->a].y), pb = hypot(node[top->b].x, node[top->b].y);
        if (fmin(pa, pb) / (pa + pb) >= 0.1)
            break;
        top = pa > pb ? &node[top->a] : &node[top->b];
    }
    return top;
}

static void naive_sums(float (*x)[3], const vector4 *jet, double *out)
{
    double total = 0, zlogz = 0, e2[3] = {0}, e3[3] = {0}, least[3] = {0}, two[3] = {0};
    for (int i = 0; i < jet->count; i++)
        total += (double)x[jet->member[i]][0];
    for (int i = 0; i < jet->count; i++) {
        const float *p = x[jet->member[i]];
        double zp = (double)p[0] / total;
        zlogz += zp * log(zp);
        for (int j = 0; j < i; j++) {
            const float *q = x[jet->member[j]];
            double zq = (double)q[0] / total,
                   pq = hypot((double)p[1] - (double)q[1], (double)p[2] - (double)q[2]);
            for (int b = 0; b < 3; b++)
                e2[b] += zp * zq * pow(pq, b);
            for (int k = 0; k < j; k++) {
                const float *r = x[jet->member[k]];
                double pr = hypot((double)p[1] - (double)r[1], (double)p[2] - (double)r[2]);
                double qr = hypot((double)q[1] - (double)r[1], (double)q[2] - (double)r[2]);
                double zzz = zp * zq * (double)r[0] / total, all = pq * pr * qr;
                for (int b = 1; b < 3; b++) {
                    e3[b] += zzz * pow(all, b);
                    least[b] += zzz * pow(fmin(pq, fmin(pr, qr)), b);
                    two[b] += zzz * pow(all / fmax(pq, fmax(pr, qr)), b);
                }
            }
        }
    }
    const double wanted[NIB_OBSERVABLES] = {
        zlogz,
        e2[0],
        e2[1],
        e2[2],
        e3[1] / pow(e2[1], 2),
        e3[2] / pow(e2[2], 2),
        e3[1] / pow(e2[1], 3),
        e3[2] / pow(e2[2], 3),
        e3[1] / pow(e2[1], 3),
        e3[1] / pow(e2[2], 1.5),
        least[1] / e2[1],
        least[2] / e2[2],
        two[1] / pow(e2[1], 2),
        two[2] / pow(e2[2], 2),
        sqrt(jet->t * jet->t - jet->x * jet->x - jet->y * jet->y - jet->z * jet->z),
        jet->count};
    memcpy(out, wanted, sizeof wanted);
}

Test(observables, agree_with_a_naive_program)
{
    static vector4 node[2 * MOST];
    uint64_t state = 20260;
    int groomed = 0;
    for (int jet = 0; jet < 120; jet++) {
        float x[MOST][3], got[NIB_OBSERVABLES];
        int n = make_jet(&state, 4 + jet % (MOST - 3), x);
        const vector4 *top = naive_groom(x, n, node);
        groomed += top->count < n;
        if (top->count < 3)
            continue;
        double wanted[NIB_OBSERVABLES];
        naive_sums(x, top, wanted);
        nib_observables_compute(work, x[0], n, got);
        for (int c = 0; c < NIB_OBSERVABLES; c++)
            cr_assert(fabs((double)got[c] - wanted[c]) <= 1e-5 * fabs(wanted[c]),
                      "jet %d of %d constituents: %s is %.9g, the naive program has %.9g", jet, n,
                      nib_observable_names[c], (double)got[c], wanted[c]);
    }
    cr_assert(groomed > 20, "only %d of the jets lost a constituent: the test does not groom", groomed);
}

Test(observables, do_not_depend_on_order_rotation_or_scale)
{
    uint64_t state = 7;
    for (int jet = 0; jet < 40; jet++) {
        float x[MOST][3], y[MOST][3], first[NIB_OBSERVABLES], second[NIB_OBSERVABLES];
        int n = make_jet(&state, 10 + jet, x);
        double angle = 6.3 * draw(&state) - 3.15, shift = 4 * draw(&state) - 2;
        for (int i = 0; i < n; i++) { /* reversed, turned (beyond pi too), boosted, four times as hard */
            y[n - 1 - i][0] = 4 * x[i][0];
            y[n - 1 - i][1] = (float)((double)x[i][1] + shift);
            y[n - 1 - i][2] = (float)((double)x[i][2] + angle);
        }
        nib_observables_compute(work, x[0], n, first);
        nib_observables_compute(work, y[0], n, second);
        for (int c = 0; c < NIB_OBSERVABLES; c++) {
            double wanted = (double)first[c] * (c == NIB_OBSERVABLE_MASS ? 4 : 1);
            cr_assert(fabs((double)second[c] - wanted) <= 2e-4 * fabs(wanted),
                      "jet %d: %s is %.9g after turning, %.9g before", jet, nib_observable_names[c],
                      (double)second[c], wanted);
        }
    }
}

Test(observables, padding_may_stand_anywhere)
{
    uint64_t state = 3;
    float x[MOST][3], y[MOST][3] = {{0}}, first[NIB_OBSERVABLES], second[NIB_OBSERVABLES];
    int n = make_jet(&state, 40, x);
    for (int i = 0; i < n; i++)
        memcpy(y[2 * i], x[i], sizeof x[i]);
    nib_observables_compute(work, x[0], n, first);
    nib_observables_compute(work, y[0], MOST, second);
    cr_assert(memcmp(first, second, sizeof first) == 0, "padding between the rows changes the observables");
}
