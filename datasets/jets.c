/* Generator `jets`: five classes of jets at about 1 TeV from a toy that keeps what tells them apart: the
 * colour factors (a gluon radiates more than a quark), masses and prongs (W and Z two, top three), and a
 * detector. */
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/cpu.h"
#include "datasets/detector.h"
#include "datasets/generator.h"
#include "datasets/hard_process.h"
#include "datasets/observables.h"

typedef struct jets_options {
    int64_t max_constituents;
    double pt_min, pt_max;
    double radius;
    double smear_pt, smear_angle;
    double threshold;
    double noise;
    double opening_angle;
    double coupling, cutoff;
    double quark_softness, gluon_softness;
    double hadron_pt, hadron_kick;
} jets_options;

static const nib_option rows[] = {
    NIB_ROW(jets_options, max_constituents, NIB_OPTION_INT, "64", 1, 512, NULL, "constituents",
            "the hardest constituents that a jet keeps; the observables are of these"),
    NIB_ROW(jets_options, pt_min, NIB_OPTION_FLOAT, "800", 100, 10000, NULL, "GeV",
            "transverse momentum of the jet: at least"),
    NIB_ROW(jets_options, pt_max, NIB_OPTION_FLOAT, "1200", 100, 10000, NULL, "GeV",
            "transverse momentum of the jet: at most"),
    NIB_ROW(jets_options, radius, NIB_OPTION_FLOAT, "0.8", 0.1, 1.5, NULL, "", "radius of the jet"),
    NIB_ROW(jets_options, smear_pt, NIB_OPTION_FLOAT, "0.08", 0, 0.5, NULL, "",
            "relative resolution of a constituent's pT"),
    NIB_ROW(jets_options, smear_angle, NIB_OPTION_FLOAT, "0.0075", 0, 0.2, NULL, "rad",
            "resolution of a constituent's eta and phi"),
    NIB_ROW(jets_options, threshold, NIB_OPTION_FLOAT, "2.5", 0.1, 50, NULL, "GeV",
            "constituents below this pT are not seen"),
    NIB_ROW(jets_options, noise, NIB_OPTION_FLOAT, "4", 0, 200, NULL, "particles",
            "mean number of soft particles that do not belong to the jet"),
    NIB_ROW(jets_options, opening_angle, NIB_OPTION_FLOAT, "0.45", 0.05, 1.5, NULL, "rad",
            "gluon and quark jets radiate below this angle, that to their partner in colour"),
    NIB_ROW(jets_options, coupling, NIB_OPTION_FLOAT, "0.7", 0, 2, NULL, "",
            "factor on the strong coupling: how much is radiated"),
    NIB_ROW(jets_options, cutoff, NIB_OPTION_FLOAT, "2.5", 0.5, 20, NULL, "GeV",
            "transverse momentum at which the shower ends"),
    NIB_ROW(jets_options, quark_softness, NIB_OPTION_FLOAT, "0.25", 0, 10, NULL, "",
            "a quark gives off particles with fractions z of density (1 - z)^n: n"),
    NIB_ROW(jets_options, gluon_softness, NIB_OPTION_FLOAT, "4.5", 0, 10, NULL, "", "the same for a gluon"),
    NIB_ROW(jets_options, hadron_pt, NIB_OPTION_FLOAT, "4.5", 0.5, 50, NULL, "GeV",
            "a parton softer than this becomes one particle"),
    NIB_ROW(jets_options, hadron_kick, NIB_OPTION_FLOAT, "0.27", 0, 2, NULL, "GeV",
            "transverse momentum that a parton gives to its particles"),
};

/** What all blocks share. */
typedef struct production {
    const jets_options *options;
    uint64_t seed;
    uint32_t stream;
    int64_t rows, block;
    nib_observables_work *const *work; /**< by worker */
    nib_jet *jet;                      /**< by worker */
    float *x, *observables;
    int32_t *label, *n_constituents;
} production;

/** Denormals are 0 everywhere in nibble. */
static float stored(double value)
{
    float rounded = (float)value;
    return fabsf(rounded) < FLT_MIN ? 0 : rounded;
}

static void make_row(const production *all, int64_t row, nib_observables_work *work, nib_jet *jet)
{
    const jets_options *o = all->options;
    const nib_shower_options shower = {o->coupling,       o->cutoff,         o->hadron_pt,
                                       o->quark_softness, o->gluon_softness, o->hadron_kick};
    const nib_detector_options detector = {o->smear_pt, o->smear_angle, o->threshold, o->noise, o->radius};
    nib_draws draws = nib_draws_start(all->seed, all->stream, row);
    int class_ = (int)(nib_draws_uniform(&draws) * NIB_JET_CLASSES);
    double pt = nib_draws_between(&draws, o->pt_min, o->pt_max);
    nib_hard_process_run(&draws, &shower, (nib_jet_class)class_, pt, o->opening_angle, jet);
    nib_detector_run(&draws, &detector, jet);

    int64_t kept = jet->count < o->max_constituents ? jet->count : o->max_constituents;
    float *x = all->x + row * o->max_constituents * NIB_CONSTITUENT_FEATURES;
    for (int64_t i = 0; i < kept; i++) {
        x[i * NIB_CONSTITUENT_FEATURES] = stored(jet->particle[i].pt);
        x[i * NIB_CONSTITUENT_FEATURES + 1] = stored(jet->particle[i].eta);
        x[i * NIB_CONSTITUENT_FEATURES + 2] = stored(jet->particle[i].phi);
    }
    float *observables = all->observables + row * NIB_OBSERVABLES;
    nib_observables_compute(work, x, kept, observables);
    for (int c = 0; c < NIB_OBSERVABLES; c++)
        observables[c] = stored((double)observables[c]);
    all->label[row] = class_;
    all->n_constituents[row] = (int32_t)kept;
}

static void make_block(void *context, int index, int worker)
{
    const production *all = context;
    int64_t first = index * all->block, last = first + all->block;
    last = last < all->rows ? last : all->rows;
    nib_cpu_flush_denormals();
    for (int64_t row = first; row < last; row++)
        make_row(all, row, all->work[worker], &all->jet[worker]);
}

/** The four arrays of `rows` rows. */
static nib_status describe(nib_arena *arena, const jets_options *o, int64_t n, nib_raw *out, nib_error *err)
{
    const nib_raw_array array[] = {
        {"x",
         NIB_RAW_F32,
         3,
         {n, o->max_constituents, NIB_CONSTITUENT_FEATURES},
         nib_constituent_names,
         NIB_CONSTITUENT_FEATURES,
         NULL},
        {"n_constituents", NIB_RAW_I32, 1, {n}, NULL, 0, NULL},
        {"hlf16", NIB_RAW_F32, 2, {n, NIB_OBSERVABLES}, nib_observable_names, NIB_OBSERVABLES, NULL},
        {"label", NIB_RAW_I32, 1, {n}, nib_jet_class_names, NIB_JET_CLASSES, NULL},
    };
    enum { ARRAYS = sizeof array / sizeof *array };
    *out = (nib_raw){n, ARRAYS, nib_arena_alloc(arena, ARRAYS, sizeof *array)};
    if (!out->array)
        return nib_fail_memory(err, "jets");
    memcpy(out->array, array, sizeof array);
    for (int a = 0; a < ARRAYS; a++) {
        size_t elements = (size_t)n;
        for (int d = 1; d < array[a].rank; d++)
            elements *= (size_t)array[a].dim[d];
        out->array[a].data = nib_arena_alloc(arena, elements, sizeof(float));
        if (!out->array[a].data)
            return nib_fail_memory(err, "jets");
    }
    return NIB_OK;
}

static nib_status generate(nib_arena *arena, const void *options, uint64_t seed, int64_t n, nib_team *team,
                           nib_raw *out, nib_error *err)
{
    const jets_options *o = options;
    if (o->pt_min > o->pt_max)
        return nib_fail(err, NIB_ERR_CONFIG, "jets: pt_min (%g GeV) exceeds pt_max (%g GeV)", o->pt_min,
                        o->pt_max);
    NIB_TRY(describe(arena, o, n, out, err));
    int workers = team ? nib_team_threads(team) : 1;
    nib_arena *scratch = nib_arena_create();
    nib_observables_work **work = scratch ? NIB_NEW(scratch, nib_observables_work *, workers) : NULL;
    nib_jet *jet = scratch ? NIB_NEW(scratch, nib_jet, workers) : NULL;
    bool whole = work && jet;
    for (int w = 0; whole && w < workers; w++)
        whole = (work[w] = nib_observables_work_create(scratch, (int)o->max_constituents)) != NULL;
    if (!whole) {
        nib_arena_destroy(scratch);
        return nib_fail_memory(err, "work space for jets");
    }
    enum { BLOCK = 64, MOST_BLOCKS = 8192 };
    int64_t block = n / MOST_BLOCKS > BLOCK ? n / MOST_BLOCKS + 1 : BLOCK;
    production all = {.options = o,
                      .seed = seed,
                      .stream = nib_rng_stream("jets"),
                      .rows = n,
                      .block = block,
                      .work = work,
                      .jet = jet,
                      .x = out->array[0].data,
                      .n_constituents = out->array[1].data,
                      .observables = out->array[2].data,
                      .label = out->array[3].data};
    int blocks = (int)((n + block - 1) / block);
    if (team)
        nib_team_run(team, make_block, &all, blocks);
    else
        for (int b = 0; b < blocks; b++)
            make_block(&all, b, 0);
    nib_arena_destroy(scratch);
    return NIB_OK;
}

const nib_generator nib_generator_jets = {
    .name = "jets",
    .help = "five classes of jets (g, q, w, z, t): constituents and the 16 observables of the hls4ml jet set",
    .source = "toy parton shower and decays; the set it imitates: Coleman et al., JINST 13 (2018) T01003",
    .options = NIB_OPTION_TABLE(jets_options, rows),
    .generate = generate,
};
