/* The observables against those of the top tagging reference set (test/hlf16 of top_tagging.h5), which were
 * computed from all constituents: on the jets whose constituents are all in the file (n_constituents <= 32),
 * at least 15 of 16 columns must be within 1e-3 (the mass: or 0.01 GeV) for 97 % of the jets, and 20 000 jets
 * per second and thread be computed. Needs NIBBLE_DATA, the folder of top_tagging.h5; skipped (77) without
 * it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/cpu.h"
#include "core/file.h"
#include "core/h5.h"
#include "datasets/observables.h"

enum {
    CONSTITUENTS = 32,
    WIDTH = CONSTITUENTS * NIB_CONSTITUENT_FEATURES,
    COLUMNS_NEEDED = 15,
    SKIPPED = 77
};
static const double SHARE_NEEDED = 0.97, RATE_NEEDED = 20000;

typedef struct jets {
    int64_t rows;
    float *x, *wanted, *got;
} jets;

/** Keep the jets that are whole, in place. */
static nib_status load(nib_arena *arena, const char *path, jets *all, nib_error *err)
{
    nib_h5 *file;
    nib_h5_info info;
    NIB_TRY(nib_h5_open(&file, path, err));
    nib_status status = nib_h5_dataset_info(file, "test/n_constituents", &info, err);
    int64_t rows = status == NIB_OK ? info.dim[0] : 0;
    int64_t *count = NIB_NEW(arena, int64_t, rows);
    all->x = NIB_NEW(arena, float, rows *WIDTH);
    all->wanted = NIB_NEW(arena, float, rows *NIB_OBSERVABLES);
    all->got = NIB_NEW(arena, float, rows *NIB_OBSERVABLES);
    if (status == NIB_OK && !(count && all->x && all->wanted && all->got))
        status = nib_fail_memory(err, "jets");
    if (status == NIB_OK)
        status = nib_h5_read_i64(file, "test/n_constituents", 0, rows, count, err);
    if (status == NIB_OK)
        status = nib_h5_read_f32(file, "test/x", 0, rows, all->x, err);
    if (status == NIB_OK)
        status = nib_h5_read_f32(file, "test/hlf16", 0, rows, all->wanted, err);
    nib_h5_close(file);
    all->rows = 0;
    for (int64_t row = 0; status == NIB_OK && row < rows; row++) {
        if (count[row] > CONSTITUENTS)
            continue;
        for (int i = 0; i < WIDTH; i++)
            all->x[all->rows * WIDTH + i] = all->x[row * WIDTH + i];
        for (int c = 0; c < NIB_OBSERVABLES; c++)
            all->wanted[all->rows * NIB_OBSERVABLES + c] = all->wanted[row * NIB_OBSERVABLES + c];
        all->rows++;
    }
    return status;
}

/** @return jets per second of processor time, of the fastest of three passes */
static double compute(nib_arena *arena, const jets *all)
{
    nib_observables_work *work = nib_observables_work_create(arena, CONSTITUENTS);
    double best = 0;
    for (int pass = 0; work && pass < 3; pass++) {
        clock_t begin = clock();
        for (int64_t row = 0; row < all->rows; row++)
            nib_observables_compute(work, all->x + row * WIDTH, CONSTITUENTS,
                                    all->got + row * NIB_OBSERVABLES);
        double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
        double rate = seconds > 0 ? (double)all->rows / seconds : HUGE_VAL;
        best = rate > best ? rate : best;
    }
    return best;
}

static int compare(const jets *all)
{
    int good_columns = 0;
    printf("%-16s %s\n", "observable", "share of jets that agree");
    for (int c = 0; c < NIB_OBSERVABLES; c++) {
        int64_t good = 0;
        for (int64_t row = 0; row < all->rows; row++) {
            double wanted = (double)all->wanted[row * NIB_OBSERVABLES + c];
            double off = fabs((double)all->got[row * NIB_OBSERVABLES + c] - wanted);
            good += off <= 1e-3 * fabs(wanted) || (c == NIB_OBSERVABLE_MASS && off <= 0.01);
        }
        double share = (double)good / (double)all->rows;
        good_columns += share >= SHARE_NEEDED;
        printf("%-16s %.4f%s\n", nib_observable_names[c], share, share >= SHARE_NEEDED ? "" : "  below 0.97");
    }
    return good_columns;
}

int main(void)
{
    const char *folder = getenv("NIBBLE_DATA");
    nib_error err = {0};
    jets all;
    if (!folder || !*folder) {
        printf("skipped: NIBBLE_DATA (the folder of top_tagging.h5) is not set\n");
        return SKIPPED;
    }
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    const char *path = arena ? nib_path_join(arena, folder, "top_tagging.h5") : NULL;
    if (!path || load(arena, path, &all, &err) != NIB_OK || all.rows == 0) {
        printf("failed: %s\n", err.message[0] ? err.message : "no jets");
        nib_arena_destroy(arena);
        return 1;
    }
    double rate = compute(arena, &all);
    int good = compare(&all);
    printf("%" PRId64
           " jets with at most %d constituents; %d of %d columns agree for %.0f %% of them (needed: %d)\n",
           all.rows, CONSTITUENTS, good, NIB_OBSERVABLES, 100 * SHARE_NEEDED, COLUMNS_NEEDED);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
    printf("%.0f jets per second and thread (needed: %.0f, not judged in this build)\n", rate, RATE_NEEDED);
    bool fast = true;
#else
    printf("%.0f jets per second and thread (needed: %.0f)\n", rate, RATE_NEEDED);
    bool fast = rate >= RATE_NEEDED;
#endif
    nib_arena_destroy(arena);
    return good >= COLUMNS_NEEDED && fast ? 0 : 1;
}
