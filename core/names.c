#include "core/names.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 64 }; /* longer names are nobody's typing error */

static int lower(char c)
{
    return tolower((unsigned char)c);
}

static int min_of(int a, int b)
{
    return a < b ? a : b;
}

/* Edit distance in which a transposition of neighbours counts one (optimal string alignment): three rows of
 * the table are enough. Both names are at most LONGEST long. */
static int distance(const char *a, size_t na, const char *b, size_t nb)
{
    int row[3][LONGEST + 1];
    int *before = row[0], *above = row[1], *now = row[2];
    for (size_t j = 0; j <= nb; j++)
        above[j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        now[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            int change = lower(a[i - 1]) != lower(b[j - 1]);
            now[j] = min_of(min_of(above[j], now[j - 1]) + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                now[j] = min_of(now[j], before[j - 2] + 1);
        }
        int *oldest = before;
        before = above;
        above = now;
        now = oldest;
    }
    return above[nb];
}

const char *nib_names_nearest(const char *name, const char *const *candidates, size_t n)
{
    size_t length = strlen(name);
    if (length == 0 || length > LONGEST)
        return NULL;
    const char *nearest = NULL;
    int best = 2 + (int)(length / 3);
    for (size_t i = 0; i < n; i++) {
        size_t bytes = strlen(candidates[i]);
        if (bytes == 0 || bytes > LONGEST)
            continue;
        int d = distance(name, length, candidates[i], bytes);
        /* A name that shares no letter with a short candidate is no typing error of it. */
        if (d < best && d < (int)(length > bytes ? length : bytes)) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

bool nib_names_is_identifier(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    if (*name == '\0' || !strchr(letters, *name))
        return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")] == '\0';
}
