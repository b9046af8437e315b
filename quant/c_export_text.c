/** The helper functions of exported C source. Rounding is that of quant/wide.c, written without branches; |v|
 * is below 2^61 (2^125 for numbers of 128 bits) and s is 1 to 62 (126). */
#include "quant/c_export_internal.h"

static const char wide_type[] = "__extension__ typedef __int128 wide;\n"
                                "__extension__ typedef unsigned __int128 wide_bits;\n\n";

/* One half of the last place that stays, and the place itself; T is the type. */
#define ROUND(name, T, suffix, expression)                                                                   \
    "static inline " T " round_" name suffix "(" T " v, int s)\n"                                            \
    "{\n"                                                                                                    \
    "    " expression "\n"                                                                                   \
    "}\n\n"
#define HALF(T) "const " T " half = (" T ")1 << (s - 1);\n    "

#define ROUNDINGS(T, suffix)                                                                                 \
    {                                                                                                        \
        [NIB_ROUNDING_TRN] = ROUND("trn", T, suffix, "return v >> s;"),                                      \
        [NIB_ROUNDING_TRN_ZERO] =                                                                            \
            ROUND("trn_zero", T, suffix, "return (v + (v < 0 ? ((" T ")1 << s) - 1 : 0)) >> s;"),            \
        [NIB_ROUNDING_RND] = ROUND("rnd", T, suffix, HALF(T) "return (v + half) >> s;"),                     \
        [NIB_ROUNDING_RND_ZERO] =                                                                            \
            ROUND("rnd_zero", T, suffix, HALF(T) "return (v + half - (v >= 0)) >> s;"),                      \
        [NIB_ROUNDING_RND_INF] = ROUND("rnd_inf", T, suffix, HALF(T) "return (v + half - (v < 0)) >> s;"),   \
        [NIB_ROUNDING_RND_MIN_INF] = ROUND("rnd_min_inf", T, suffix, HALF(T) "return (v + half - 1) >> s;"), \
        [NIB_ROUNDING_RND_CONV] =                                                                            \
            ROUND("rnd_conv", T, suffix, HALF(T) "return (v + half - 1 + ((v >> s) & 1)) >> s;"),            \
    }

static const char *const rounding[2][NIB_ROUNDING_COUNT] = {ROUNDINGS("int64_t", ""),
                                                            ROUNDINGS("wide", "_wide")};

#define CLIP(T, suffix)                                                                                      \
    "static inline " T " clip" suffix "(" T " v, int64_t low, int64_t high)\n"                               \
    "{\n"                                                                                                    \
    "    return v < low ? low : v > high ? high : v;\n"                                                      \
    "}\n\n"
#define ZERO(T, suffix)                                                                                      \
    "static inline " T " zero" suffix "(" T " v, int64_t low, int64_t high)\n"                               \
    "{\n"                                                                                                    \
    "    return v < low || v > high ? 0 : v;\n"                                                              \
    "}\n\n"

static const char wrap[] = "/* The low bits, as many as the range has. */\n"
                           "static inline int64_t wrap(uint64_t v, int64_t low, int64_t high)\n"
                           "{\n"
                           "    const uint64_t mask = (uint64_t)high - (uint64_t)low;\n"
                           "    return (int64_t)((v - (uint64_t)low) & mask) + low;\n"
                           "}\n\n";

static const char up_wide[] = "/* v 2^s, or what is beyond every type with the sign of it. */\n"
                              "static inline wide up_wide(wide v, int s)\n"
                              "{\n"
                              "    const wide end = (wide)1 << 62;\n"
                              "    if (s == 0)\n"
                              "        return v;\n"
                              "    return (v > end ? end : v < -end ? -end : v) * ((wide)1 << s);\n"
                              "}\n\n";

static const char parts[] =
    "/* x = m 2^e with an integer m; denormal numbers and NaN are 0, infinities have an e beyond all. */\n"
    "static inline int64_t float_parts(float x, int *e)\n"
    "{\n"
    "    uint32_t bits;\n"
    "    memcpy(&bits, &x, sizeof bits);\n"
    "    const int exponent = (int)(bits >> 23 & 255);\n"
    "    const int64_t m = (int64_t)(bits & 0x7fffff) + 0x800000;\n"
    "    *e = exponent == 255 ? 10000 : exponent - 150;\n"
    "    if (exponent == 0 || (exponent == 255 && m != 0x800000))\n"
    "        return 0;\n"
    "    return bits >> 31 ? -m : m;\n"
    "}\n\n";

void nib_c_write_helpers(const nib_c_writer *w, FILE *out)
{
    if (w->used[NIB_C_WIDE])
        fprintf(out, "%s", wide_type);
    for (int i = 0; i < NIB_ROUNDING_COUNT; ++i) {
        if (w->used[NIB_C_ROUND + i])
            fprintf(out, "%s", rounding[0][i]);
        if (w->used[NIB_C_ROUND_WIDE + i])
            fprintf(out, "%s", rounding[1][i]);
    }
    static const struct {
        nib_c_helper helper;
        const char *text;
    } rest[] = {{NIB_C_CLIP, CLIP("int64_t", "")},
                {NIB_C_CLIP_WIDE, CLIP("wide", "_wide")},
                {NIB_C_ZERO, ZERO("int64_t", "")},
                {NIB_C_ZERO_WIDE, ZERO("wide", "_wide")},
                {NIB_C_WRAP, wrap},
                {NIB_C_UP_WIDE, up_wide},
                {NIB_C_FLOAT, parts}};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; ++i)
        if (w->used[rest[i].helper])
            fprintf(out, "%s", rest[i].text);
}
