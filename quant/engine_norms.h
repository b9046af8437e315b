/** The squares of whole rows of 16-bit numbers (nib_engine_narrow). Not for other modules. */
#ifndef NIB_QUANT_ENGINE_NORMS_H
#define NIB_QUANT_ENGINE_NORMS_H

#include "quant/engine_dot.h"

/* nib_vi_scaled16: (x ^ flip) * scale >> 16 in lanes of 16 bits; `flip` is that of the highest bit, after
 * which there is no sign. nib_vi_totals: lane i is the sum of all lanes of v[i]. */

#if defined(__x86_64__)

/* Lane i of the quarters: the sum of those of v[i]. */
#define NIB_FOUR_TOTALS(name, type, prefix, suffix)                                                          \
    NIB_INLINE type name(const type *v)                                                                      \
    {                                                                                                        \
        const type a =                                                                                       \
            prefix##_add_epi32(prefix##_unpacklo_epi32(v[0], v[1]), prefix##_unpackhi_epi32(v[0], v[1]));    \
        const type b =                                                                                       \
            prefix##_add_epi32(prefix##_unpacklo_epi32(v[2], v[3]), prefix##_unpackhi_epi32(v[2], v[3]));    \
        return prefix##_add_epi32(prefix##_unpacklo_epi64(a, b), prefix##_unpackhi_epi64(a, b));             \
    }

#if defined(__AVX512BW__)
NIB_FOUR_TOTALS(nib_vi_four_totals, __m512i, _mm512, )
NIB_INLINE nib_vi nib_vi_scaled16(bool flip, nib_vi x, nib_vi scale)
{
    return flip ? _mm512_mulhi_epu16(_mm512_xor_si512(x, _mm512_set1_epi16(INT16_MIN)), scale)
                : _mm512_mulhi_epi16(x, scale);
}
NIB_INLINE nib_vi nib_vi_fold(nib_vi a, nib_vi b)
{
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}
NIB_INLINE nib_vi nib_vi_totals(const nib_vi *v)
{
    return nib_vi_fold(nib_vi_fold(nib_vi_four_totals(v), nib_vi_four_totals(v + 4)),
                       nib_vi_fold(nib_vi_four_totals(v + 8), nib_vi_four_totals(v + 12)));
}

/* Rows of half a vector, in pairs. Lane r: the sum of the half of v that row r is, of eight vectors. */
#define NIB_DOT_HAS_HALVES 1
NIB_INLINE nib_vi nib_vi_half_totals(const nib_vi *v)
{
    const nib_vi order = _mm512_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
    return _mm512_permutexvar_epi32(order, nib_vi_fold(nib_vi_four_totals(v), nib_vi_four_totals(v + 4)));
}
NIB_INLINE nib_vi nib_vi_load_twice(const int16_t *from)
{
    return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)from));
}
#elif defined(__AVX2__)
NIB_FOUR_TOTALS(nib_vi_four_totals, __m256i, _mm256, )
NIB_INLINE nib_vi nib_vi_scaled16(bool flip, nib_vi x, nib_vi scale)
{
    return flip ? _mm256_mulhi_epu16(_mm256_xor_si256(x, _mm256_set1_epi16(INT16_MIN)), scale)
                : _mm256_mulhi_epi16(x, scale);
}
NIB_INLINE nib_vi nib_vi_totals(const nib_vi *v)
{
    const nib_vi a = nib_vi_four_totals(v), b = nib_vi_four_totals(v + 4);
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}
#else
NIB_FOUR_TOTALS(nib_vi_totals, __m128i, _mm, )
NIB_INLINE nib_vi nib_vi_scaled16(bool flip, nib_vi x, nib_vi scale)
{
    return flip ? _mm_mulhi_epu16(_mm_xor_si128(x, _mm_set1_epi16(INT16_MIN)), scale)
                : _mm_mulhi_epi16(x, scale);
}
#endif

#elif defined(__aarch64__)

NIB_INLINE nib_vi nib_vi_scaled16(bool flip, nib_vi x, nib_vi scale)
{
    const uint16x8_t by = vreinterpretq_u16_s32(scale);
    if (flip) {
        const uint16x8_t v = veorq_u16(vreinterpretq_u16_s32(x), vdupq_n_u16(0x8000));
        const uint16x4_t low = vshrn_n_u32(vmull_u16(vget_low_u16(v), vget_low_u16(by)), 16);
        const uint16x4_t high = vshrn_n_u32(vmull_u16(vget_high_u16(v), vget_high_u16(by)), 16);
        return vreinterpretq_s32_u16(vcombine_u16(low, high));
    }
    const int16x8_t v = vreinterpretq_s16_s32(x), factor = vreinterpretq_s16_s32(scale);
    const int16x4_t low = vshrn_n_s32(vmull_s16(vget_low_s16(v), vget_low_s16(factor)), 16);
    const int16x4_t high = vshrn_n_s32(vmull_s16(vget_high_s16(v), vget_high_s16(factor)), 16);
    return vreinterpretq_s32_s16(vcombine_s16(low, high));
}
NIB_INLINE nib_vi nib_vi_totals(const nib_vi *v)
{
    return vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3]));
}

#else

NIB_INLINE nib_vi nib_vi_scaled16(bool flip, nib_vi x, nib_vi scale)
{
    int16_t v[2], by[2];
    memcpy(v, &x, sizeof v);
    memcpy(by, &scale, sizeof by);
    for (int i = 0; i < 2; ++i)
        v[i] = (int16_t)((flip ? (int32_t)(uint16_t)(v[i] ^ INT16_MIN) : (int32_t)v[i]) * by[i] >> 16);
    memcpy(&x, v, sizeof x);
    return x;
}
NIB_INLINE nib_vi nib_vi_totals(const nib_vi *v)
{
    return v[0];
}

#endif

#if defined(NIB_DOT_HAS_HALVES)
NIB_INLINE void nib_dot_half_norms(bool flip, const int16_t *x, int64_t rows, const int16_t *scale,
                                   int32_t *total)
{
    enum { PAIRS = NIB_DOT_LANES / 2 };
    const nib_vi by = nib_vi_load_twice(scale);
    for (int64_t row = 0; row < rows; row += NIB_DOT_LANES) {
        nib_vi sum[PAIRS];
        NIB_UNROLL for (int i = 0; i < PAIRS; ++i)
        {
            const nib_vi v = nib_vi_scaled16(flip, nib_vi_load(x + (row + 2 * i) * NIB_DOT_LANES), by);
            sum[i] = nib_vi_dot16(nib_vi_set(0), v, v);
        }
        nib_vi_store(total + row, nib_vi_half_totals(sum));
    }
}
#endif

/** total[r]: the sum over i of ((x[r][i] ^ flip) * scale[i] >> 16)^2, which fits into 31 bits. Rows up to the
 * next multiple of 16, and 64 bytes more, can be read, and total has a place for them. */
NIB_INLINE void nib_dot_norms(bool flip, const int16_t *x, int64_t stride, int64_t rows, const int16_t *scale,
                              int32_t *total)
{
#if defined(NIB_DOT_HAS_HALVES)
    if (stride == NIB_DOT_LANES) {
        nib_dot_half_norms(flip, x, rows, scale, total);
        return;
    }
#endif
    for (int64_t row = 0; row < rows; row += NIB_DOT_LANES) {
        nib_vi sum[NIB_DOT_LANES];
        NIB_UNROLL for (int i = 0; i < NIB_DOT_LANES; ++i) sum[i] = nib_vi_set(0);
        for (int64_t k = 0; k < stride; k += 2 * NIB_DOT_LANES) {
            const nib_vi by = nib_vi_load(scale + k);
            NIB_UNROLL for (int i = 0; i < NIB_DOT_LANES; ++i)
            {
                const nib_vi v = nib_vi_scaled16(flip, nib_vi_load(x + (row + i) * stride + k), by);
                sum[i] = nib_vi_dot16(sum[i], v, v);
            }
        }
        nib_vi_store(total + row, nib_vi_totals(sum));
    }
}

#endif
