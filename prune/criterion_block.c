/* block: rectangles of the kernel, by the mean or the largest |w| in them. The last blocks of a row or column
 * may be cut off by the edge.
 *
 * TFMOT pools with SAME padding: n = ceil(size / block) windows start at i block - (n block - size) / 2, the
 * first ones outside the kernel, while the mask is expanded from 0. */
#include <math.h>

#include "prune/criterion.h"

enum { POOL_AVERAGE, POOL_MAX };

typedef struct block_options {
    int64_t rows, cols;
    int pool;
} block_options;

static const nib_option rows[] = {
    NIB_ROW(block_options, rows, NIB_OPTION_INT, "4", 1, 65536, NULL, "", "inputs that a block spans"),
    NIB_ROW(block_options, cols, NIB_OPTION_INT, "1", 1, 65536, NULL, "", "outputs that a block spans"),
    NIB_ROW(block_options, pool, NIB_OPTION_CHOICE, "average", 0, 0, "average|max", "",
            "of the |weights| of a block"),
};

static int64_t blocks(int64_t size, int64_t block)
{
    return (size + block - 1) / block;
}

static int64_t units(const void *options, const nib_prune_tensor *t)
{
    const block_options *o = options;
    return blocks(t->rows, o->rows) * blocks(t->cols, o->cols);
}

static int64_t unit_of(const void *options, const nib_prune_tensor *t, int64_t row, int64_t col)
{
    const block_options *o = options;
    return row / o->rows * blocks(t->cols, o->cols) + col / o->cols;
}

/* Window i of a side: [*first, *last). */
static void window(int64_t size, int64_t block, int64_t i, bool tfmot, int64_t *first, int64_t *last)
{
    const int64_t padding = blocks(size, block) * block - size;
    const int64_t begin = i * block - (tfmot ? padding / 2 : 0), end = begin + block;
    *first = begin < 0 ? 0 : begin;
    *last = end > size ? size : end;
}

static float pooled(const block_options *o, const nib_prune_tensor *t, int64_t r0, int64_t r1, int64_t c0,
                    int64_t c1)
{
    double sum = 0, most = 0;
    for (int64_t r = r0; r < r1; r++)
        for (int64_t c = c0; c < c1; c++) {
            const double w = fabs((double)t->value[r * t->stride + c]);
            sum += w;
            most = w > most ? w : most;
        }
    return (float)(o->pool == POOL_MAX ? most : sum / (double)((r1 - r0) * (c1 - c0)));
}

static void score(const void *options, const nib_prune_tensor *t, const nib_prune_rule *rule, float *score)
{
    const block_options *o = options;
    const int64_t down = blocks(t->rows, o->rows), across = blocks(t->cols, o->cols);
    for (int64_t i = 0; i < down; i++)
        for (int64_t j = 0; j < across; j++) {
            int64_t r0, r1, c0, c1;
            window(t->rows, o->rows, i, rule->tfmot, &r0, &r1);
            window(t->cols, o->cols, j, rule->tfmot, &c0, &c1);
            score[i * across + j] = pooled(o, t, r0, r1, c0, c1);
        }
}

const nib_prune_criterion nib_prune_criterion_block = {
    .name = "block",
    .help = "rectangles of weights, those with the smallest weights first",
    .source = "Narang et al., arXiv:1711.02782; TFMOT 0.8.1 block_size",
    .options = NIB_OPTION_TABLE(block_options, rows),
    .units = units,
    .score = score,
    .unit_of = unit_of,
};
