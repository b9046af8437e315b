#include "datasets/clustering.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

static const double PI = 3.14159265358979323846;

nib_momentum nib_momentum_massless(double pt, double eta, double phi)
{
    double growth = exp(eta);
    return (nib_momentum){pt * cos(phi), pt * sin(phi), pt * growth, pt / growth};
}

nib_momentum nib_momentum_add(nib_momentum a, nib_momentum b)
{
    return (nib_momentum){a.px + b.px, a.py + b.py, a.plus + b.plus, a.minus + b.minus};
}

double nib_momentum_pt(nib_momentum p)
{
    return sqrt(p.px * p.px + p.py * p.py);
}

double nib_momentum_rapidity(nib_momentum p)
{
    return 0.5 * log(p.plus / p.minus);
}

double nib_momentum_phi(nib_momentum p)
{
    return atan2(p.py, p.px);
}

double nib_momentum_mass(nib_momentum p)
{
    double square = p.plus * p.minus - (p.px * p.px + p.py * p.py);
    return square > 0 ? sqrt(square) : 0;
}

nib_clustering *nib_clustering_create(nib_arena *arena, int capacity)
{
    nib_clustering *c = NIB_NEW(arena, nib_clustering, 1);
    if (!c)
        return NULL;
    c->capacity = capacity;
    c->node = NIB_NEW(arena, nib_momentum, 2 * capacity);
    c->child = nib_arena_alloc(arena, (size_t)capacity, sizeof *c->child);
    c->rapidity = NIB_NEW(arena, double, capacity);
    c->phi = NIB_NEW(arena, double, capacity);
    c->distance = NIB_NEW(arena, double, capacity);
    c->neighbour = NIB_NEW(arena, int, capacity);
    c->id = NIB_NEW(arena, int, capacity);
    c->scratch = NIB_NEW(arena, double, capacity);
    c->fresh = NIB_NEW(arena, double, capacity);
    c->stack = NIB_NEW(arena, int, 2 * capacity);
    bool whole = c->node && c->child && c->rapidity && c->phi && c->distance && c->neighbour && c->id &&
                 c->scratch && c->fresh && c->stack;
    return whole ? c : NULL;
}

void nib_clustering_clear(nib_clustering *clustering)
{
    clustering->n = 0;
}

void nib_clustering_add(nib_clustering *clustering, double pt, double eta, double phi)
{
    int i = clustering->n++;
    assert(i < clustering->capacity);
    clustering->node[i] = nib_momentum_massless(pt, eta, phi);
    clustering->rapidity[i] = eta;
    clustering->phi[i] = remainder(phi, 2 * PI);
    clustering->id[i] = i;
}

/** Squared distances of the objects at places 0..count-1 to (rapidity, phi). */
static void measure(const nib_clustering *c, double rapidity, double phi, int count, double *restrict square)
{
    const double *restrict y = c->rapidity, *restrict azimuth = c->phi;
    for (int k = 0; k < count; k++) {
        double dy = y[k] - rapidity;
        double dphi = fabs(azimuth[k] - phi);
        double around = 2 * PI - dphi;
        dphi = around < dphi ? around : dphi;
        square[k] = dy * dy + dphi * dphi;
    }
}

/** Nearest neighbour of the object at `place` among all `count`, from the squared distances to it. */
static void take_nearest(nib_clustering *c, int place, int count, const double *square)
{
    double best = HUGE_VAL;
    int nearest = place == 0 ? 1 : 0; /* a valid place even if no distance is a number */
    for (int k = 0; k < count; k++)
        if (k != place && square[k] < best) {
            best = square[k];
            nearest = k;
        }
    c->distance[place] = best;
    c->neighbour[place] = nearest;
}

/** Fill the lists for `count` objects: each pair is measured once. */
static void find_all_neighbours(nib_clustering *c, int count)
{
    double *square = c->scratch;
    for (int i = 0; i < count; i++) {
        measure(c, c->rapidity[i], c->phi[i], i, square);
        take_nearest(c, i, i, square);
        for (int k = 0; k < i; k++)
            if (square[k] < c->distance[k]) {
                c->distance[k] = square[k];
                c->neighbour[k] = i;
            }
    }
}

/** The object at `kept` is new, the one at `freed` is gone, and the last of the former count + 1 has taken
 * its place. Bring the lists of all `count` up to date. */
static void update_neighbours(nib_clustering *c, int kept, int freed, int count)
{
    double *fresh = c->fresh;
    measure(c, c->rapidity[kept], c->phi[kept], count, fresh);
    for (int k = 0; k < count; k++) {
        int neighbour = c->neighbour[k];
        if (neighbour == kept || neighbour == freed) {
            measure(c, c->rapidity[k], c->phi[k], count, c->scratch);
            take_nearest(c, k, count, c->scratch);
            continue;
        }
        if (neighbour == count)
            c->neighbour[k] = freed;
        if (fresh[k] < c->distance[k] && k != kept) {
            c->distance[k] = fresh[k];
            c->neighbour[k] = kept;
        }
    }
    take_nearest(c, kept, count, fresh);
}

static int nearest_pair(const nib_clustering *c, int count)
{
    int best = 0;
    double least = c->distance[0];
    for (int k = 1; k < count; k++)
        if (c->distance[k] < least) {
            least = c->distance[k];
            best = k;
        }
    return best;
}

void nib_clustering_run(nib_clustering *c)
{
    assert(c->n >= 1);
    find_all_neighbours(c, c->n);
    for (int step = 0; step < c->n - 1; step++) {
        int count = c->n - step - 1; /* after this step */
        int kept = nearest_pair(c, count + 1);
        int freed = c->neighbour[kept];
        int node = c->n + step;
        c->child[step][0] = c->id[kept];
        c->child[step][1] = c->id[freed];
        c->node[node] = nib_momentum_add(c->node[c->id[kept]], c->node[c->id[freed]]);
        if (kept == count) { /* the last place is the one that goes */
            kept = freed;
            freed = count;
        }
        c->id[kept] = node;
        c->rapidity[kept] = nib_momentum_rapidity(c->node[node]);
        c->phi[kept] = nib_momentum_phi(c->node[node]);
        c->id[freed] = c->id[count];
        c->rapidity[freed] = c->rapidity[count];
        c->phi[freed] = c->phi[count];
        c->distance[freed] = c->distance[count];
        c->neighbour[freed] = c->neighbour[count];
        update_neighbours(c, kept, freed, count);
    }
}

int nib_clustering_groom(const nib_clustering *c, double zcut)
{
    int node = 2 * c->n - 2;
    while (node >= c->n) {
        const int *child = c->child[node - c->n];
        double first = nib_momentum_pt(c->node[child[0]]), second = nib_momentum_pt(c->node[child[1]]);
        double softer = first < second ? first : second;
        if (softer >= zcut * (first + second))
            break;
        node = first < second ? child[1] : child[0];
    }
    return node;
}

int nib_clustering_leaves(nib_clustering *c, int node, int *leaf)
{
    int found = 0, depth = 0;
    c->stack[depth++] = node;
    while (depth > 0) {
        int top = c->stack[--depth];
        if (top < c->n) {
            leaf[found++] = top;
        } else {
            c->stack[depth++] = c->child[top - c->n][1];
            c->stack[depth++] = c->child[top - c->n][0];
        }
    }
    return found;
}
