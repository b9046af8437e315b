#include "datasets/observables.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "datasets/clustering.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static const double ZCUT = 0.1;

const char *const nib_observable_names[NIB_OBSERVABLES] = {
    "zlogz",      "c1_b0_mmdt", "c1_b1_mmdt",    "c1_b2_mmdt",    "c2_b1_mmdt", "c2_b2_mmdt",
    "d2_b1_mmdt", "d2_b2_mmdt", "d2_a1_b1_mmdt", "d2_a1_b2_mmdt", "m2_b1_mmdt", "m2_b2_mmdt",
    "n2_b1_mmdt", "n2_b2_mmdt", "mass_mmdt",     "multiplicity",
};

const char *const nib_constituent_names[NIB_CONSTITUENT_FEATURES] = {"pt", "delta_eta", "delta_phi"};

/** Four floats at once; every x86-64 has SSE2, elsewhere the compiler splits or maps them. */
typedef float lanes __attribute__((vector_size(16)));
enum { LANES = 4 };

static inline lanes lanes_load(const float *from)
{
    lanes value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline lanes lanes_all(float value)
{
    return (lanes){value, value, value, value};
}

static inline lanes lanes_min(lanes a, lanes b)
{
#if defined(__SSE2__)
    return (lanes)_mm_min_ps((__m128)a, (__m128)b);
#else
    for (int l = 0; l < LANES; l++)
        a[l] = a[l] < b[l] ? a[l] : b[l];
    return a;
#endif
}

static inline lanes lanes_max(lanes a, lanes b)
{
#if defined(__SSE2__)
    return (lanes)_mm_max_ps((__m128)a, (__m128)b);
#else
    for (int l = 0; l < LANES; l++)
        a[l] = a[l] > b[l] ? a[l] : b[l];
    return a;
#endif
}

struct nib_observables_work {
    nib_clustering *clustering;
    int *leaf;         /**< [capacity] groomed constituents */
    float *z;          /**< [capacity padded] momentum fractions, 0 in the padding */
    float *distance;   /**< [capacity, capacity padded] R_ij for i < j, else 0 */
    double *eta, *phi; /**< [capacity] of all constituents */
};

/** Sums over the pairs and triples of a groomed jet. Index 0: b = 1, index 1: b = 2. */
typedef struct jet_sums {
    double zlogz;
    double e2_b0, e2[2], e3[2];
    double smallest[2];     /**< sum z z z (smallest R)^b */
    double two_smallest[2]; /**< sum z z z (product of the two smallest R)^b */
} jet_sums;

static int padded(int n)
{
    return (n + LANES - 1) / LANES * LANES;
}

nib_observables_work *nib_observables_work_create(nib_arena *arena, int constituents)
{
    assert(constituents >= 1 && constituents <= NIB_CONSTITUENTS_MAX);
    nib_observables_work *work = NIB_NEW(arena, nib_observables_work, 1);
    if (!work)
        return NULL;
    work->clustering = nib_clustering_create(arena, constituents);
    work->leaf = NIB_NEW(arena, int, constituents);
    work->z = NIB_NEW(arena, float, padded(constituents));
    work->distance = NIB_NEW(arena, float, constituents *padded(constituents));
    work->eta = NIB_NEW(arena, double, constituents);
    work->phi = NIB_NEW(arena, double, constituents);
    bool whole = work->clustering && work->leaf && work->z && work->distance && work->eta && work->phi;
    return whole ? work : NULL;
}

/** Fill z and the upper triangle of the distances, and sum over single constituents and pairs in double. */
static void sum_pairs(nib_observables_work *work, int n, jet_sums *sums)
{
    const nib_clustering *c = work->clustering;
    const int *leaf = work->leaf;
    int stride = padded(n);
    double total = 0;
    for (int i = 0; i < n; i++)
        total += nib_momentum_pt(c->node[leaf[i]]);
    for (int i = 0; i < stride; i++)
        work->z[i] = i < n ? (float)(nib_momentum_pt(c->node[leaf[i]]) / total) : 0;
    for (int i = 0; i < n; i++) {
        double zi = (double)work->z[i], eta = work->eta[leaf[i]], phi = work->phi[leaf[i]];
        float *row = work->distance + (size_t)i * (size_t)stride;
        memset(row, 0, (size_t)stride * sizeof *row);
        if (zi > 0)
            sums->zlogz += zi * log(zi);
        for (int j = i + 1; j < n; j++) {
            double deta = work->eta[leaf[j]] - eta;
            double dphi = fabs(work->phi[leaf[j]] - phi);
            double around = 6.28318530717958647693 - dphi;
            dphi = around < dphi ? around : dphi;
            double square = deta * deta + dphi * dphi, distance = sqrt(square);
            double zz = zi * (double)work->z[j];
            row[j] = (float)distance;
            sums->e2_b0 += zz;
            sums->e2[0] += zz * distance;
            sums->e2[1] += zz * square;
        }
    }
}

static double lanes_sum(lanes a)
{
    return ((double)a[0] + (double)a[1]) + ((double)a[2] + (double)a[3]);
}

/** Sum over triples i < j < k with four k at once. The matrix is 0 where j >= k, which makes every term 0, so
 *  j may run to the end of the block of k. The product of the two smallest of (a, b, c) is
 *  min(b, c) * min(a, max(b, c)). Sums run in float over j only and go on in double. */
static void sum_triples(const nib_observables_work *work, int n, jet_sums *sums)
{
    const float *z = work->z, *distance = work->distance;
    size_t stride = (size_t)padded(n);
    for (int i = 0; i < n - 2; i++) {
        const float *to_i = distance + (size_t)i * stride;
        lanes total[6] = {0};
        for (int first = (i + 2) / LANES * LANES; first < n; first += LANES) {
            int last = first + LANES - 1 < n - 1 ? first + LANES - 1 : n - 1;
            lanes b = lanes_load(to_i + first), zk = lanes_load(z + first);
            lanes sum[6] = {0};
            for (int j = i + 1; j < last; j++) {
                lanes c = lanes_load(distance + (size_t)j * stride + first);
                lanes a = lanes_all(to_i[j]), zj = lanes_all(z[j]);
                lanes less = lanes_min(b, c), more = lanes_max(b, c);
                lanes one = lanes_min(a, less), two = less * lanes_min(a, more), all = a * b * c;
                lanes z_one = zj * one, z_two = zj * two, z_all = zj * all;
                sum[0] += z_one;
                sum[1] += z_one * one;
                sum[2] += z_two;
                sum[3] += z_two * two;
                sum[4] += z_all;
                sum[5] += z_all * all;
            }
            for (int s = 0; s < 6; s++)
                total[s] += zk * sum[s];
        }
        double zi = (double)z[i];
        for (int b = 0; b < 2; b++) {
            sums->smallest[b] += zi * lanes_sum(total[b]);
            sums->two_smallest[b] += zi * lanes_sum(total[2 + b]);
            sums->e3[b] += zi * lanes_sum(total[4 + b]);
        }
    }
}

/** a / b with 0/0 = 0. */
static float ratio(double a, double b)
{
    return b > 0 ? (float)(a / b) : 0;
}

static void fill(const jet_sums *s, float *out)
{
    double b1 = s->e2[0], b2 = s->e2[1];
    out[NIB_OBSERVABLE_ZLOGZ] = (float)s->zlogz;
    out[NIB_OBSERVABLE_C1_B0] = (float)s->e2_b0;
    out[NIB_OBSERVABLE_C1_B1] = (float)b1;
    out[NIB_OBSERVABLE_C1_B2] = (float)b2;
    out[NIB_OBSERVABLE_C2_B1] = ratio(s->e3[0], b1 * b1);
    out[NIB_OBSERVABLE_C2_B2] = ratio(s->e3[1], b2 * b2);
    out[NIB_OBSERVABLE_D2_B1] = ratio(s->e3[0], b1 * b1 * b1);
    out[NIB_OBSERVABLE_D2_B2] = ratio(s->e3[1], b2 * b2 * b2);
    out[NIB_OBSERVABLE_D2_A1_B1] = ratio(s->e3[0], b1 * b1 * b1);
    out[NIB_OBSERVABLE_D2_A1_B2] = ratio(s->e3[0], b2 * sqrt(b2));
    out[NIB_OBSERVABLE_M2_B1] = ratio(s->smallest[0], b1);
    out[NIB_OBSERVABLE_M2_B2] = ratio(s->smallest[1], b2);
    out[NIB_OBSERVABLE_N2_B1] = ratio(s->two_smallest[0], b1 * b1);
    out[NIB_OBSERVABLE_N2_B2] = ratio(s->two_smallest[1], b2 * b2);
}

void nib_observables_compute(nib_observables_work *work, const float *x, int64_t rows, float *out)
{
    memset(out, 0, NIB_OBSERVABLES * sizeof *out);
    nib_clustering *c = work->clustering;
    nib_clustering_clear(c);
    for (int64_t row = 0; row < rows; row++) {
        const float *one = x + row * NIB_CONSTITUENT_FEATURES;
        if (!(one[0] > 0))
            continue;
        nib_clustering_add(c, (double)one[0], (double)one[1], (double)one[2]);
        work->eta[c->n - 1] = c->rapidity[c->n - 1];
        work->phi[c->n - 1] = c->phi[c->n - 1];
    }
    if (c->n == 0)
        return;
    nib_clustering_run(c);
    int node = nib_clustering_groom(c, ZCUT);
    int n = nib_clustering_leaves(c, node, work->leaf);
    jet_sums sums = {0};
    sum_pairs(work, n, &sums);
    sum_triples(work, n, &sums);
    fill(&sums, out);
    out[NIB_OBSERVABLE_MASS] = n > 1 ? (float)nib_momentum_mass(c->node[node]) : 0;
    out[NIB_OBSERVABLE_MULTIPLICITY] = (float)n;
}
