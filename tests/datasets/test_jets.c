/* The jets generator: the same rows however they are made, the kinematics of its decays, and the physics that
 * tells the classes apart. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/team.h"
#include "datasets/clustering.h"
#include "datasets/generator.h"
#include "datasets/hard_process.h"
#include "datasets/observables.h"

static const nib_shower_options bare = {
    .coupling = 0, .cutoff = 1, .hadron_pt = 1e6, .quark_softness = 0, .gluon_softness = 0, .hadron_kick = 0};
static const nib_shower_options usual = {
    .coupling = 0.7, .cutoff = 2, .hadron_pt = 5, .quark_softness = 0, .gluon_softness = 5, .hadron_kick = 0};

/** A table of the generator with some options set: "key: value" pairs. */
static nib_raw make(nib_arena *arena, uint64_t seed, int64_t rows, nib_team *team,
                    const char *const *settings, int n_settings)
{
    const nib_generator *jets = nib_generator_find("jets");
    cr_assert_not_null(jets, "there is no generator jets");
    nib_error err = {0};
    nib_raw raw = {0};
    nib_doc *map = nib_doc_new_map(arena);
    for (int i = 0; i < n_settings; i++)
        (void)nib_doc_add_text(arena, map, settings[2 * i], "%s", settings[2 * i + 1]);
    void *options = nib_arena_alloc(arena, 1, jets->options.bytes);
    cr_assert(nib_options_read(arena, &jets->options, map, "jets", options, &err) == NIB_OK, "options: %s",
              err.message);
    cr_assert(jets->generate(arena, options, seed, rows, team, &raw, &err) == NIB_OK, "generate: %s",
              err.message);
    return raw;
}

static const nib_raw_array *find(const nib_raw *raw, const char *path)
{
    for (int i = 0; i < raw->count; i++)
        if (strcmp(raw->array[i].path, path) == 0)
            return &raw->array[i];
    cr_assert(false, "the generator makes no %s", path);
    return NULL;
}

static size_t row_bytes(const nib_raw_array *a)
{
    size_t n = 4;
    for (int d = 1; d < a->rank; d++)
        n *= (size_t)a->dim[d];
    return n;
}

static void expect_same_rows(const nib_raw *a, const nib_raw *b, int64_t rows, const char *what)
{
    for (int i = 0; i < a->count; i++)
        cr_assert(memcmp(a->array[i].data, b->array[i].data, (size_t)rows * row_bytes(&a->array[i])) == 0,
                  "%s differs %s", a->array[i].path, what);
}

Test(jets, rows_depend_on_seed_and_number_alone)
{
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    nib_raw alone = make(arena, 5, 400, NULL, NULL, 0);
    nib_raw few = make(arena, 5, 130, NULL, NULL, 0);
    expect_same_rows(&alone, &few, 130, "when fewer rows are asked for");
    for (int threads = 1; threads <= 3; threads++) {
        nib_team *team;
        cr_assert(nib_team_create(&team, threads, &err) == NIB_OK, "team: %s", err.message);
        nib_raw many = make(arena, 5, 400, team, NULL, 0);
        expect_same_rows(&alone, &many, 400, "between no team and a team");
        nib_team_destroy(team);
    }
    nib_raw other = make(arena, 6, 400, NULL, NULL, 0);
    cr_assert(memcmp(find(&alone, "x")->data, find(&other, "x")->data, row_bytes(find(&other, "x"))) != 0,
              "another seed makes the same row");
    nib_arena_destroy(arena);
}

Test(jets, arrays_are_what_they_say)
{
    enum { ROWS = 500, MOST = 40 };
    const char *const settings[] = {"max_constituents", "40", "radius", "0.6"};
    nib_arena *arena = nib_arena_create();
    nib_raw raw = make(arena, 2, ROWS, NULL, settings, 2);
    const nib_raw_array *x = find(&raw, "x"), *count = find(&raw, "n_constituents");
    const nib_raw_array *observables = find(&raw, "hlf16"), *label = find(&raw, "label");
    cr_assert(raw.rows == ROWS && x->rank == 3 && x->dim[0] == ROWS && x->dim[1] == MOST && x->dim[2] == 3,
              "shape of x");
    cr_assert(observables->rank == 2 && observables->dim[1] == NIB_OBSERVABLES, "shape of hlf16");
    cr_assert(label->n_names == 5 && strcmp(label->names[0], "g") == 0 && strcmp(label->names[4], "t") == 0,
              "class names");
    nib_observables_work *work = nib_observables_work_create(arena, MOST);
    int seen[NIB_JET_CLASSES] = {0}, full = 0;
    for (int64_t row = 0; row < ROWS; row++) {
        const float *jet = (const float *)x->data + row * MOST * 3;
        int32_t n = ((const int32_t *)count->data)[row], class_ = ((const int32_t *)label->data)[row];
        cr_assert(n >= 1 && n <= MOST && class_ >= 0 && class_ < NIB_JET_CLASSES, "row %d: n %d, class %d",
                  (int)row, n, class_);
        seen[class_]++;
        full += n == MOST;
        for (int i = 0; i < MOST; i++) {
            const float *p = jet + (size_t)i * 3;
            bool real = i < n;
            cr_assert(real == (p[0] > 0), "row %d: constituent %d of %d has pT %g", (int)row, i, n,
                      (double)p[0]);
            cr_assert(real || (p[1] == 0 && p[2] == 0), "row %d: padding is not zero", (int)row);
            cr_assert(i == 0 || p[0] <= p[-3], "row %d: constituent %d is harder than the one before",
                      (int)row, i);
            cr_assert(hypot((double)p[1], (double)p[2]) < 0.6001, "row %d: constituent %d is outside",
                      (int)row, i);
        }
        float again[NIB_OBSERVABLES];
        nib_observables_compute(work, jet, n, again);
        cr_assert(memcmp(again, (const float *)observables->data + row * NIB_OBSERVABLES, sizeof again) == 0,
                  "row %d: hlf16 is not what x gives", (int)row);
        for (int c = 0; c < NIB_OBSERVABLES; c++)
            cr_assert(again[c] == 0 || isnormal(again[c]), "row %d: %s is %g", (int)row,
                      nib_observable_names[c], (double)again[c]);
    }
    for (int c = 0; c < NIB_JET_CLASSES; c++)
        cr_assert(seen[c] > 60, "only %d of %d jets are of class %s", seen[c], ROWS, nib_jet_class_names[c]);
    cr_assert(full > 20 && full < ROWS / 2, "%d of %d jets are cut at the most constituents", full, ROWS);
    nib_arena_destroy(arena);
}

Test(jets, momenta_the_wrong_way_round_are_refused)
{
    const nib_generator *jets = nib_generator_find("jets");
    nib_arena *arena = nib_arena_create();
    nib_doc *map = nib_doc_new_map(arena);
    nib_error err = {0};
    nib_raw raw;
    void *options = nib_arena_alloc(arena, 1, jets->options.bytes);
    (void)nib_doc_add_text(arena, map, "pt_min", "1500");
    cr_assert(nib_options_read(arena, &jets->options, map, "jets", options, &err) == NIB_OK, "options: %s",
              err.message);
    nib_status status = jets->generate(arena, options, 1, 10, NULL, &raw, &err);
    cr_assert(status == NIB_ERR_CONFIG, "status %d", (int)status);
    cr_assert_str_eq(err.message, "jets: pt_min (1500 GeV) exceeds pt_max (1200 GeV)", "message: %s",
                     err.message);
    nib_arena_destroy(arena);
}

static nib_momentum sum_of(const nib_jet *jet)
{
    nib_momentum sum = {0, 0, 0, 0};
    for (int i = 0; i < jet->count; i++) {
        const nib_particle *p = &jet->particle[i];
        sum = nib_momentum_add(sum, nib_momentum_massless(p->pt, p->eta, p->phi));
    }
    return sum;
}

Test(jets, decays_keep_momentum_mass_and_polarisation)
{
    enum { JETS = 4000 };
    static nib_jet jet;
    static const double mass[NIB_JET_CLASSES] = {0, 0, 80.4, 91.2, 172.5};
    static const int prongs[NIB_JET_CLASSES] = {1, 1, 2, 2, 3};
    for (int class_ = 0; class_ < NIB_JET_CLASSES; class_++) {
        int near = 0, soft = 0;
        for (int i = 0; i < JETS; i++) {
            nib_draws draws = nib_draws_start(9, 1, i);
            nib_hard_process_run(&draws, &bare, (nib_jet_class)class_, 1000, 0.5, &jet);
            nib_momentum sum = sum_of(&jet);
            cr_assert(jet.count == prongs[class_], "%s: %d particles, %d expected",
                      nib_jet_class_names[class_], jet.count, prongs[class_]);
            cr_assert(fabs(nib_momentum_pt(sum) - 1000) < (class_ == NIB_JET_TOP ? 2 : 1e-6),
                      "%s: pT %.9g of 1000", nib_jet_class_names[class_], nib_momentum_pt(sum));
            cr_assert(fabs(nib_momentum_rapidity(sum)) < 2e-3, "%s: rapidity %g", nib_jet_class_names[class_],
                      nib_momentum_rapidity(sum));
            near += fabs(nib_momentum_mass(sum) - mass[class_]) < 3;
            soft += jet.count == 2 && fmin(jet.particle[0].pt, jet.particle[1].pt) < 100;
        }
        /* Breit-Wigner cut at 10 widths: 3 GeV hold 79 %, 75 %, 88 %; a longitudinal boson gives a quark less
         * than a tenth in 5.6 % of its decays (6 z (1 - z)). */
        cr_assert(near > (prongs[class_] == 1 ? JETS - 1 : 0.7 * JETS), "%s: only %d of %d near their mass",
                  nib_jet_class_names[class_], near, JETS);
        cr_assert(prongs[class_] != 2 || abs(soft - (int)(0.056 * JETS)) < 60, "%s: %d of %d lopsided decays",
                  nib_jet_class_names[class_], soft, JETS);
    }
}

Test(jets, showers_keep_momentum_and_follow_colour)
{
    static nib_jet jet;
    double particles[2] = {0}, width[2] = {0};
    for (int gluon = 0; gluon < 2; gluon++)
        for (int i = 0; i < 300; i++) {
            nib_draws draws = nib_draws_start(4, 2, i);
            jet.count = 0;
            nib_shower_run(&draws, &usual, (nib_parton){{1000, 0.1, -0.2}, 0.5, gluon == 1}, &jet);
            double pt = 0, eta = 0, phi = 0;
            for (int k = 0; k < jet.count; k++) {
                const nib_particle *p = &jet.particle[k];
                pt += p->pt;
                eta += p->pt * p->eta / 1000;
                phi += p->pt * p->phi / 1000;
                width[gluon] += p->pt * hypot(p->eta - 0.1, p->phi + 0.2) / 1000 / 300;
            }
            particles[gluon] += jet.count / 300.0;
            cr_assert(pt <= 1000 + 1e-9 && pt > 995, "jet %d: %g GeV of 1000 are left", i, pt);
            cr_assert(fabs(eta - 0.1) < 2e-3 && fabs(phi + 0.2) < 2e-3, "jet %d: axis at %g, %g", i, eta,
                      phi);
        }
    cr_assert(particles[1] > 1.5 * particles[0], "gluons give %g particles, quarks %g", particles[1],
              particles[0]);
    cr_assert(width[1] > 1.4 * width[0], "gluon jets are %g wide, quark jets %g", width[1], width[0]);
}

Test(jets, a_full_jet_gives_the_rest_to_its_last_particle)
{
    static nib_jet jet;
    for (int i = 0; i < NIB_JET_PARTICLES + 2; i++)
        nib_jet_add(&jet, (nib_particle){1, i < NIB_JET_PARTICLES - 1 ? 0 : 0.3, 0});
    cr_assert(jet.count == NIB_JET_PARTICLES, "%d particles", jet.count);
    const nib_particle *last = &jet.particle[NIB_JET_PARTICLES - 1];
    cr_assert(fabs(last->pt - 3) < 1e-12 && fabs(last->eta - 0.3) < 1e-12, "last: pT %g, eta %g", last->pt,
              last->eta);
}

Test(jets, draws_have_the_moments_they_should)
{
    enum { N = 40000 };
    double uniform = 0, normal = 0, square = 0, exponential = 0, poisson = 0;
    for (int i = 0; i < N; i++) {
        nib_draws d = nib_draws_start(1, 7, i);
        double u = nib_draws_uniform(&d), g = nib_draws_normal(&d), h = nib_draws_normal(&d);
        cr_assert(u > 0 && u < 1, "uniform %g", u);
        uniform += u / N;
        normal += (g + h) / (2 * N);
        square += (g * g + h * h) / (2 * N);
        exponential += nib_draws_exponential(&d) / N;
        poisson += nib_draws_poisson(&d, 3.5) / (double)N;
        double m = nib_draws_resonance(&d, 80, 2);
        cr_assert(m >= 60 && m <= 100, "resonance %g", m);
    }
    cr_assert(fabs(uniform - 0.5) < 0.006, "mean of uniform %g", uniform);
    cr_assert(fabs(normal) < 0.015 && fabs(square - 1) < 0.03, "normal: mean %g, square %g", normal, square);
    cr_assert(fabs(exponential - 1) < 0.02, "mean of exponential %g", exponential);
    cr_assert(fabs(poisson - 3.5) < 0.04, "mean of poisson %g", poisson);
}

Test(jets, rows_do_not_share_numbers)
{
    nib_draws first = nib_draws_start(1, 7, 0), second = nib_draws_start(1, 7, 1);
    double wanted = nib_draws_uniform(&second), then = nib_draws_uniform(&second);
    double before = nib_draws_uniform(&first);
    for (int i = 0; i < 100000; i++) {
        double now = nib_draws_uniform(&first);
        cr_assert(before != wanted || now != then, "number %d of row 0 is the first of row 1", i);
        before = now;
    }
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/** Values of one observable of one class, sorted. @return how many */
static int64_t column(const nib_raw *raw, int class_, int which, float *out)
{
    const float *observables = find(raw, "hlf16")->data;
    const int32_t *label = find(raw, "label")->data;
    int64_t n = 0;
    for (int64_t row = 0; row < raw->rows; row++)
        if (label[row] == class_)
            out[n++] = observables[row * NIB_OBSERVABLES + which];
    qsort(out, (size_t)n, sizeof *out, compare_floats);
    return n;
}

Test(jets, classes_look_like_their_physics)
{
    enum { ROWS = 10000 };
    nib_arena *arena = nib_arena_create();
    nib_raw raw = make(arena, 1, ROWS, NULL, NULL, 0);
    float *value = NIB_NEW(arena, float, ROWS);
    double mass[NIB_JET_CLASSES], multiplicity[NIB_JET_CLASSES], in_peak[NIB_JET_CLASSES] = {0};
    static const double peak[NIB_JET_CLASSES] = {80.4, 80.4, 80.4, 91.2, 172.5};
    for (int c = 0; c < NIB_JET_CLASSES; c++) {
        int64_t n = column(&raw, c, NIB_OBSERVABLE_MASS, value);
        mass[c] = (double)value[n / 2];
        for (int64_t i = 0; i < n; i++)
            in_peak[c] += (fabs((double)value[i] / peak[c] - 0.95) < 0.12) / (double)n;
        n = column(&raw, c, NIB_OBSERVABLE_MULTIPLICITY, value);
        multiplicity[c] = (double)value[n / 2];
    }
    cr_assert(mass[NIB_JET_W] > 72 && mass[NIB_JET_W] < 81, "median mass of w: %g", mass[NIB_JET_W]);
    cr_assert(mass[NIB_JET_Z] > 82 && mass[NIB_JET_Z] < 92, "median mass of z: %g", mass[NIB_JET_Z]);
    cr_assert(mass[NIB_JET_TOP] > 145 && mass[NIB_JET_TOP] < 174, "median mass of t: %g", mass[NIB_JET_TOP]);
    cr_assert(in_peak[NIB_JET_W] > 0.7 && in_peak[NIB_JET_Z] > 0.7, "shares in the peaks of w and z: %g, %g",
              in_peak[NIB_JET_W], in_peak[NIB_JET_Z]);
    cr_assert(in_peak[NIB_JET_TOP] > 0.45, "share in the peak of t: %g", in_peak[NIB_JET_TOP]);
    cr_assert(in_peak[NIB_JET_GLUON] < 0.2 && in_peak[NIB_JET_QUARK] < 0.2, "g and q peak at the W: %g, %g",
              in_peak[NIB_JET_GLUON], in_peak[NIB_JET_QUARK]);
    cr_assert(multiplicity[NIB_JET_GLUON] > 1.7 * multiplicity[NIB_JET_QUARK],
              "median groomed multiplicity: g %g, q %g", multiplicity[NIB_JET_GLUON],
              multiplicity[NIB_JET_QUARK]);
    cr_assert(multiplicity[NIB_JET_TOP] > multiplicity[NIB_JET_W], "median groomed multiplicity: t %g, w %g",
              multiplicity[NIB_JET_TOP], multiplicity[NIB_JET_W]);
    nib_arena_destroy(arena);
}

Test(jets, means_are_those_of_the_day_it_was_tuned)
{
    /* 4000 rows of seed 1 with all defaults. A change of the generator must be a decision: trained models and
     * figures refer to these jets. The tolerance leaves room for another mathematics library. */
    enum { ROWS = 4000 };
    static const double wanted[NIB_OBSERVABLES] = {
        -2.066372, 0.3839151, 0.03856739, 0.008637524, 0.04100548, 0.007370722, 1.088379, 0.8863181,
        1.088379,  0.1564084, 0.07220348, 0.03439136,  0.2332843,  0.1184162,   72.45404, 21.96925};
    nib_arena *arena = nib_arena_create();
    nib_raw raw = make(arena, 1, ROWS, NULL, NULL, 0);
    const float *observables = find(&raw, "hlf16")->data;
    double mean[NIB_OBSERVABLES] = {0};
    for (int64_t i = 0; i < (int64_t)ROWS * NIB_OBSERVABLES; i++)
        mean[i % NIB_OBSERVABLES] += (double)observables[i] / ROWS;
    for (int c = 0; c < NIB_OBSERVABLES; c++)
        cr_assert(fabs(mean[c] / wanted[c] - 1) < 2e-3, "mean of %s: %.7g, it was %.7g",
                  nib_observable_names[c], mean[c], wanted[c]);
    nib_arena_destroy(arena);
}
