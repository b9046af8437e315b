/** Products of narrow integers, summed in pairs (or fours) into lanes of 32 bits. Not for other modules.
 *
 *  A group of 16 lanes is NIB_DOT_PARTS vectors of the instruction set. Sums are exact modulo 2^32, and the
 * engine asks for no product whose sum does not fit, so their order does not matter.
 */
#ifndef NIB_QUANT_ENGINE_DOT_H
#define NIB_QUANT_ENGINE_DOT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/simd.h"

#if defined(__AVX512BW__)

enum { NIB_DOT_PARTS = 1, NIB_DOT_LANES = 16, NIB_DOT_ROWS = 12 };
#define NIB_DOT_GROUPS 4
typedef __m512i nib_vi;

NIB_INLINE nib_vi nib_vi_load(const void *from)
{
    return _mm512_loadu_si512(from);
}
NIB_INLINE void nib_vi_store(void *to, nib_vi x)
{
    _mm512_storeu_si512(to, x);
}
/** Four bytes (two int16_t, four uint8_t) in all lanes. */
NIB_INLINE nib_vi nib_vi_spread(const void *from)
{
    int32_t bits;
    memcpy(&bits, from, sizeof bits);
    return _mm512_set1_epi32(bits);
}
/** sum + a0 b0 + a1 b1 in each lane. */
#if defined(__AVX512VNNI__)
#define NIB_DOT_HAS_8 1
/** sum + a0 b0 + ... + a3 b3 in each lane, a of unsigned bytes, b of signed ones. */
NIB_INLINE nib_vi nib_vi_dot8(nib_vi sum, nib_vi a, nib_vi b)
{
    return _mm512_dpbusd_epi32(sum, a, b);
}
NIB_INLINE nib_vi nib_vi_dot16(nib_vi sum, nib_vi a, nib_vi b)
{
    return _mm512_dpwssd_epi32(sum, a, b);
}
#else
NIB_INLINE nib_vi nib_vi_dot16(nib_vi sum, nib_vi a, nib_vi b)
{
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}
#endif

NIB_INLINE nib_vi nib_vi_set(int32_t x)
{
    return _mm512_set1_epi32(x);
}
NIB_INLINE nib_vi nib_vi_add(nib_vi a, nib_vi b)
{
    return _mm512_add_epi32(a, b);
}
NIB_INLINE nib_vi nib_vi_min(nib_vi a, nib_vi b)
{
    return _mm512_min_epi32(a, b);
}
NIB_INLINE nib_vi nib_vi_max(nib_vi a, nib_vi b)
{
    return _mm512_max_epi32(a, b);
}
/** Numbers to shift by, one for each lane. */
NIB_INLINE nib_vi nib_vi_load_shift(const int32_t *from)
{
    return nib_vi_load(from);
}
NIB_INLINE nib_vi nib_vi_down(nib_vi a, nib_vi by)
{
    return _mm512_srav_epi32(a, by);
}
NIB_INLINE nib_vi nib_vi_up(nib_vi a, nib_vi by)
{
    return _mm512_sllv_epi32(a, by);
}
NIB_INLINE nib_vi nib_vi_and(nib_vi a, nib_vi b)
{
    return _mm512_and_si512(a, b);
}
NIB_INLINE nib_vi nib_vi_sub(nib_vi a, nib_vi b)
{
    return _mm512_sub_epi32(a, b);
}
/** a where it equals b, else 0. */
NIB_INLINE nib_vi nib_vi_where_equal(nib_vi a, nib_vi b)
{
    return _mm512_maskz_mov_epi32(_mm512_cmpeq_epi32_mask(a, b), a);
}
/** v, less `by` where a and b have no bit in common. */
NIB_INLINE nib_vi nib_vi_less_where_none(nib_vi v, nib_vi a, nib_vi b, nib_vi by)
{
    return _mm512_mask_sub_epi32(v, _mm512_testn_epi32_mask(a, b), v, by);
}
NIB_INLINE nib_vi nib_vi_or(nib_vi a, nib_vi b)
{
    return _mm512_or_si512(a, b);
}
/** A whole group of lanes, narrowed: numbers fit into bytes, and go to the ends of 16 bits. */
NIB_INLINE void nib_vi_store_u8(uint8_t *to, const nib_vi *x)
{
    _mm_storeu_si128((__m128i *)to, _mm512_cvtepi32_epi8(x[0]));
}
NIB_INLINE void nib_vi_store_i16(int16_t *to, const nib_vi *x)
{
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtsepi32_epi16(x[0]));
}
/** Two groups: one instruction packs both, in quarters that another one puts in order. */
#define NIB_DOT_HAS_TWO 1
NIB_INLINE void nib_vi_store_i16_two(int16_t *to, nib_vi a, nib_vi b)
{
    const nib_vi order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    nib_vi_store(to, _mm512_permutexvar_epi64(order, _mm512_packs_epi32(a, b)));
}

/** All lanes as they are, in 64 bits. */
NIB_INLINE void nib_vi_store_i64(int64_t *to, nib_vi x)
{
    _mm512_storeu_si512(to, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(x)));
    _mm512_storeu_si512(to + 8, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(x, 1)));
}
/** (high << split) + low in 64 bits. */
NIB_INLINE __m512i nib_vi_whole_half(__m256i high, __m256i low, __m256i split)
{
    return _mm512_add_epi64(_mm512_sllv_epi64(_mm512_cvtepi32_epi64(high), _mm512_cvtepi32_epi64(split)),
                            _mm512_cvtepi32_epi64(low));
}
NIB_INLINE void nib_vi_store_whole(int64_t *to, nib_vi high, nib_vi low, nib_vi split)
{
    _mm512_storeu_si512(to, nib_vi_whole_half(_mm512_castsi512_si256(high), _mm512_castsi512_si256(low),
                                              _mm512_castsi512_si256(split)));
    _mm512_storeu_si512(to + 8, nib_vi_whole_half(_mm512_extracti64x4_epi64(high, 1),
                                                  _mm512_extracti64x4_epi64(low, 1),
                                                  _mm512_extracti64x4_epi64(split, 1)));
}

#elif defined(__AVX2__)

enum { NIB_DOT_PARTS = 2, NIB_DOT_LANES = 8, NIB_DOT_ROWS = 6 };
typedef __m256i nib_vi;

NIB_INLINE nib_vi nib_vi_load(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}
NIB_INLINE void nib_vi_store(void *to, nib_vi x)
{
    _mm256_storeu_si256((__m256i *)to, x);
}
NIB_INLINE nib_vi nib_vi_spread(const void *from)
{
    int32_t bits;
    memcpy(&bits, from, sizeof bits);
    return _mm256_set1_epi32(bits);
}
#if defined(__AVXVNNI__)
#define NIB_DOT_HAS_8 1
NIB_INLINE nib_vi nib_vi_dot8(nib_vi sum, nib_vi a, nib_vi b)
{
    return _mm256_dpbusd_avx_epi32(sum, a, b);
}
NIB_INLINE nib_vi nib_vi_dot16(nib_vi sum, nib_vi a, nib_vi b)
{
    return _mm256_dpwssd_avx_epi32(sum, a, b);
}
#else
NIB_INLINE nib_vi nib_vi_dot16(nib_vi sum, nib_vi a, nib_vi b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}
#endif

NIB_INLINE nib_vi nib_vi_set(int32_t x)
{
    return _mm256_set1_epi32(x);
}
NIB_INLINE nib_vi nib_vi_add(nib_vi a, nib_vi b)
{
    return _mm256_add_epi32(a, b);
}
NIB_INLINE nib_vi nib_vi_min(nib_vi a, nib_vi b)
{
    return _mm256_min_epi32(a, b);
}
NIB_INLINE nib_vi nib_vi_max(nib_vi a, nib_vi b)
{
    return _mm256_max_epi32(a, b);
}
NIB_INLINE nib_vi nib_vi_load_shift(const int32_t *from)
{
    return nib_vi_load(from);
}
NIB_INLINE nib_vi nib_vi_down(nib_vi a, nib_vi by)
{
    return _mm256_srav_epi32(a, by);
}
NIB_INLINE nib_vi nib_vi_up(nib_vi a, nib_vi by)
{
    return _mm256_sllv_epi32(a, by);
}
NIB_INLINE nib_vi nib_vi_and(nib_vi a, nib_vi b)
{
    return _mm256_and_si256(a, b);
}
NIB_INLINE nib_vi nib_vi_sub(nib_vi a, nib_vi b)
{
    return _mm256_sub_epi32(a, b);
}
NIB_INLINE nib_vi nib_vi_where_equal(nib_vi a, nib_vi b)
{
    return _mm256_and_si256(a, _mm256_cmpeq_epi32(a, b));
}
NIB_INLINE nib_vi nib_vi_less_where_none(nib_vi v, nib_vi a, nib_vi b, nib_vi by)
{
    const nib_vi none = _mm256_cmpeq_epi32(_mm256_and_si256(a, b), _mm256_setzero_si256());
    return _mm256_sub_epi32(v, _mm256_and_si256(by, none));
}
NIB_INLINE nib_vi nib_vi_or(nib_vi a, nib_vi b)
{
    return _mm256_or_si256(a, b);
}
/* The pack instructions work in halves of 128 bits: the permutation puts these in order. */
NIB_INLINE __m256i nib_vi_halves(const nib_vi *x)
{
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(x[0], x[1]), 0xD8);
}
NIB_INLINE void nib_vi_store_u8(uint8_t *to, const nib_vi *x)
{
    const __m256i y = nib_vi_halves(x);
    _mm_storeu_si128((__m128i *)to,
                     _mm_packus_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1)));
}
NIB_INLINE void nib_vi_store_i16(int16_t *to, const nib_vi *x)
{
    _mm256_storeu_si256((__m256i *)to, nib_vi_halves(x));
}

NIB_INLINE void nib_vi_store_i64(int64_t *to, nib_vi x)
{
    nib_vi_store(to, _mm256_cvtepi32_epi64(_mm256_castsi256_si128(x)));
    nib_vi_store(to + 4, _mm256_cvtepi32_epi64(_mm256_extracti128_si256(x, 1)));
}
NIB_INLINE __m256i nib_vi_whole_half(__m128i high, __m128i low, __m128i split)
{
    return _mm256_add_epi64(_mm256_sllv_epi64(_mm256_cvtepi32_epi64(high), _mm256_cvtepi32_epi64(split)),
                            _mm256_cvtepi32_epi64(low));
}
NIB_INLINE void nib_vi_store_whole(int64_t *to, nib_vi high, nib_vi low, nib_vi split)
{
    nib_vi_store(to, nib_vi_whole_half(_mm256_castsi256_si128(high), _mm256_castsi256_si128(low),
                                       _mm256_castsi256_si128(split)));
    nib_vi_store(to + 4,
                 nib_vi_whole_half(_mm256_extracti128_si256(high, 1), _mm256_extracti128_si256(low, 1),
                                   _mm256_extracti128_si256(split, 1)));
}

#elif defined(__x86_64__)

enum { NIB_DOT_PARTS = 4, NIB_DOT_LANES = 4, NIB_DOT_ROWS = 2 };
typedef __m128i nib_vi;

NIB_INLINE nib_vi nib_vi_load(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}
NIB_INLINE void nib_vi_store(void *to, nib_vi x)
{
    _mm_storeu_si128((__m128i *)to, x);
}
NIB_INLINE nib_vi nib_vi_spread(const void *from)
{
    int32_t bits;
    memcpy(&bits, from, sizeof bits);
    return _mm_set1_epi32(bits);
}
NIB_INLINE nib_vi nib_vi_dot16(nib_vi sum, nib_vi a, nib_vi b)
{
    return _mm_add_epi32(sum, _mm_madd_epi16(a, b));
}

NIB_INLINE nib_vi nib_vi_set(int32_t x)
{
    return _mm_set1_epi32(x);
}
NIB_INLINE nib_vi nib_vi_add(nib_vi a, nib_vi b)
{
    return _mm_add_epi32(a, b);
}
NIB_INLINE nib_vi nib_vi_min(nib_vi a, nib_vi b)
{
    const nib_vi greater = _mm_cmpgt_epi32(a, b);
    return _mm_or_si128(_mm_and_si128(greater, b), _mm_andnot_si128(greater, a));
}
NIB_INLINE nib_vi nib_vi_max(nib_vi a, nib_vi b)
{
    const nib_vi greater = _mm_cmpgt_epi32(a, b);
    return _mm_or_si128(_mm_and_si128(greater, a), _mm_andnot_si128(greater, b));
}
/* One number for all lanes, those of other vectors of the row too. */
#define NIB_DOT_ONE_SHIFT 1
NIB_INLINE nib_vi nib_vi_load_shift(const int32_t *from)
{
    return _mm_cvtsi32_si128(*from);
}
NIB_INLINE nib_vi nib_vi_down(nib_vi a, nib_vi by)
{
    return _mm_sra_epi32(a, by);
}
NIB_INLINE nib_vi nib_vi_up(nib_vi a, nib_vi by)
{
    return _mm_sll_epi32(a, by);
}
NIB_INLINE nib_vi nib_vi_and(nib_vi a, nib_vi b)
{
    return _mm_and_si128(a, b);
}
NIB_INLINE nib_vi nib_vi_sub(nib_vi a, nib_vi b)
{
    return _mm_sub_epi32(a, b);
}
NIB_INLINE nib_vi nib_vi_where_equal(nib_vi a, nib_vi b)
{
    return _mm_and_si128(a, _mm_cmpeq_epi32(a, b));
}
NIB_INLINE nib_vi nib_vi_less_where_none(nib_vi v, nib_vi a, nib_vi b, nib_vi by)
{
    const nib_vi none = _mm_cmpeq_epi32(_mm_and_si128(a, b), _mm_setzero_si128());
    return _mm_sub_epi32(v, _mm_and_si128(by, none));
}
NIB_INLINE nib_vi nib_vi_or(nib_vi a, nib_vi b)
{
    return _mm_or_si128(a, b);
}
NIB_INLINE void nib_vi_store_u8(uint8_t *to, const nib_vi *x)
{
    _mm_storeu_si128((__m128i *)to,
                     _mm_packus_epi16(_mm_packs_epi32(x[0], x[1]), _mm_packs_epi32(x[2], x[3])));
}
NIB_INLINE void nib_vi_store_i16(int16_t *to, const nib_vi *x)
{
    _mm_storeu_si128((__m128i *)to, _mm_packs_epi32(x[0], x[1]));
    _mm_storeu_si128((__m128i *)to + 1, _mm_packs_epi32(x[2], x[3]));
}

NIB_INLINE void nib_vi_store_i64(int64_t *to, nib_vi x)
{
    const nib_vi sign = _mm_srai_epi32(x, 31);
    nib_vi_store(to, _mm_unpacklo_epi32(x, sign));
    nib_vi_store(to + 2, _mm_unpackhi_epi32(x, sign));
}
NIB_INLINE void nib_vi_store_whole(int64_t *to, nib_vi high, nib_vi low, nib_vi split)
{
    const nib_vi above = _mm_srai_epi32(high, 31), sign = _mm_srai_epi32(low, 31);
    nib_vi_store(to, _mm_add_epi64(_mm_sll_epi64(_mm_unpacklo_epi32(high, above), split),
                                   _mm_unpacklo_epi32(low, sign)));
    nib_vi_store(to + 2, _mm_add_epi64(_mm_sll_epi64(_mm_unpackhi_epi32(high, above), split),
                                       _mm_unpackhi_epi32(low, sign)));
}

#elif defined(__aarch64__)

enum { NIB_DOT_PARTS = 4, NIB_DOT_LANES = 4, NIB_DOT_ROWS = 4 };
typedef int32x4_t nib_vi;

NIB_INLINE nib_vi nib_vi_load(const void *from)
{
    int32_t v[4];
    memcpy(v, from, sizeof v);
    return vld1q_s32(v);
}
NIB_INLINE void nib_vi_store(void *to, nib_vi x)
{
    int32_t v[4];
    vst1q_s32(v, x);
    memcpy(to, v, sizeof v);
}
NIB_INLINE nib_vi nib_vi_spread(const void *from)
{
    int32_t bits;
    memcpy(&bits, from, sizeof bits);
    return vdupq_n_s32(bits);
}
NIB_INLINE nib_vi nib_vi_dot16(nib_vi sum, nib_vi a, nib_vi b)
{
    const int16x8_t a16 = vreinterpretq_s16_s32(a), b16 = vreinterpretq_s16_s32(b);
    const int32x4_t low = vmull_s16(vget_low_s16(a16), vget_low_s16(b16));
    const int32x4_t high = vmull_s16(vget_high_s16(a16), vget_high_s16(b16));
    return vaddq_s32(sum, vpaddq_s32(low, high));
}

NIB_INLINE nib_vi nib_vi_set(int32_t x)
{
    return vdupq_n_s32(x);
}
NIB_INLINE nib_vi nib_vi_add(nib_vi a, nib_vi b)
{
    return vaddq_s32(a, b);
}
NIB_INLINE nib_vi nib_vi_min(nib_vi a, nib_vi b)
{
    return vminq_s32(a, b);
}
NIB_INLINE nib_vi nib_vi_max(nib_vi a, nib_vi b)
{
    return vmaxq_s32(a, b);
}
NIB_INLINE nib_vi nib_vi_load_shift(const int32_t *from)
{
    return nib_vi_load(from);
}
NIB_INLINE nib_vi nib_vi_down(nib_vi a, nib_vi by)
{
    return vshlq_s32(a, vnegq_s32(by));
}
NIB_INLINE nib_vi nib_vi_up(nib_vi a, nib_vi by)
{
    return vshlq_s32(a, by);
}
NIB_INLINE nib_vi nib_vi_and(nib_vi a, nib_vi b)
{
    return vandq_s32(a, b);
}
NIB_INLINE nib_vi nib_vi_sub(nib_vi a, nib_vi b)
{
    return vsubq_s32(a, b);
}
NIB_INLINE nib_vi nib_vi_where_equal(nib_vi a, nib_vi b)
{
    return vandq_s32(a, vreinterpretq_s32_u32(vceqq_s32(a, b)));
}
NIB_INLINE nib_vi nib_vi_less_where_none(nib_vi v, nib_vi a, nib_vi b, nib_vi by)
{
    return vsubq_s32(v, vbicq_s32(by, vreinterpretq_s32_u32(vtstq_s32(a, b))));
}
NIB_INLINE nib_vi nib_vi_or(nib_vi a, nib_vi b)
{
    return vorrq_s32(a, b);
}
NIB_INLINE void nib_vi_store_i16(int16_t *to, const nib_vi *x)
{
    vst1q_s16(to, vcombine_s16(vqmovn_s32(x[0]), vqmovn_s32(x[1])));
    vst1q_s16(to + 8, vcombine_s16(vqmovn_s32(x[2]), vqmovn_s32(x[3])));
}
NIB_INLINE void nib_vi_store_u8(uint8_t *to, const nib_vi *x)
{
    const int16x8_t low = vcombine_s16(vmovn_s32(x[0]), vmovn_s32(x[1]));
    const int16x8_t high = vcombine_s16(vmovn_s32(x[2]), vmovn_s32(x[3]));
    vst1q_u8(to, vreinterpretq_u8_s8(vcombine_s8(vmovn_s16(low), vmovn_s16(high))));
}

NIB_INLINE void nib_vi_store_i64(int64_t *to, nib_vi x)
{
    vst1q_s64(to, vmovl_s32(vget_low_s32(x)));
    vst1q_s64(to + 2, vmovl_s32(vget_high_s32(x)));
}
NIB_INLINE void nib_vi_store_whole(int64_t *to, nib_vi high, nib_vi low, nib_vi split)
{
    vst1q_s64(to, vaddw_s32(vshlq_s64(vmovl_s32(vget_low_s32(high)), vmovl_s32(vget_low_s32(split))),
                            vget_low_s32(low)));
    vst1q_s64(to + 2, vaddw_s32(vshlq_s64(vmovl_s32(vget_high_s32(high)), vmovl_s32(vget_high_s32(split))),
                                vget_high_s32(low)));
}

#else /* one lane at a time */

enum { NIB_DOT_PARTS = 16, NIB_DOT_LANES = 1, NIB_DOT_ROWS = 1 };
typedef int32_t nib_vi;

NIB_INLINE nib_vi nib_vi_load(const void *from)
{
    nib_vi x;
    memcpy(&x, from, sizeof x);
    return x;
}
NIB_INLINE void nib_vi_store(void *to, nib_vi x)
{
    memcpy(to, &x, sizeof x);
}
NIB_INLINE nib_vi nib_vi_spread(const void *from)
{
    return nib_vi_load(from);
}
NIB_INLINE nib_vi nib_vi_dot16(nib_vi sum, nib_vi a, nib_vi b)
{
    int16_t u[2], v[2];
    memcpy(u, &a, sizeof u);
    memcpy(v, &b, sizeof v);
    return (int32_t)((uint32_t)sum + (uint32_t)(u[0] * v[0]) + (uint32_t)(u[1] * v[1]));
}

NIB_INLINE nib_vi nib_vi_set(int32_t x)
{
    return x;
}
NIB_INLINE nib_vi nib_vi_add(nib_vi a, nib_vi b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}
NIB_INLINE nib_vi nib_vi_min(nib_vi a, nib_vi b)
{
    return a < b ? a : b;
}
NIB_INLINE nib_vi nib_vi_max(nib_vi a, nib_vi b)
{
    return a > b ? a : b;
}
NIB_INLINE nib_vi nib_vi_load_shift(const int32_t *from)
{
    return *from;
}
NIB_INLINE nib_vi nib_vi_down(nib_vi a, nib_vi by)
{
    return a >> by;
}
NIB_INLINE nib_vi nib_vi_up(nib_vi a, nib_vi by)
{
    return (int32_t)((uint32_t)a << by);
}
NIB_INLINE nib_vi nib_vi_and(nib_vi a, nib_vi b)
{
    return a & b;
}
NIB_INLINE nib_vi nib_vi_sub(nib_vi a, nib_vi b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}
NIB_INLINE nib_vi nib_vi_where_equal(nib_vi a, nib_vi b)
{
    return a == b ? a : 0;
}
NIB_INLINE nib_vi nib_vi_less_where_none(nib_vi v, nib_vi a, nib_vi b, nib_vi by)
{
    return nib_vi_sub(v, (a & b) == 0 ? by : 0);
}
NIB_INLINE nib_vi nib_vi_or(nib_vi a, nib_vi b)
{
    return a | b;
}
NIB_INLINE void nib_vi_store_u8(uint8_t *to, const nib_vi *x)
{
    for (int i = 0; i < NIB_DOT_PARTS; ++i)
        to[i] = (uint8_t)x[i];
}
NIB_INLINE void nib_vi_store_i16(int16_t *to, const nib_vi *x)
{
    for (int i = 0; i < NIB_DOT_PARTS; ++i)
        to[i] = (int16_t)nib_vi_min(nib_vi_max(x[i], INT16_MIN), INT16_MAX);
}

NIB_INLINE void nib_vi_store_i64(int64_t *to, nib_vi x)
{
    *to = x;
}
NIB_INLINE void nib_vi_store_whole(int64_t *to, nib_vi high, nib_vi low, nib_vi split)
{
    *to = (int64_t)((uint64_t)(int64_t)high << split) + low;
}

#endif

/* Groups of lanes that a product takes side by side. */
#ifndef NIB_DOT_GROUPS
#define NIB_DOT_GROUPS 1
#endif
#ifndef NIB_DOT_HAS_8
#define NIB_DOT_HAS_8 0
#endif
#ifndef NIB_DOT_HAS_TWO
#define NIB_DOT_HAS_TWO 0
#endif
/* Whether lanes can only be shifted all by the same number. */
#ifndef NIB_DOT_ONE_SHIFT
#define NIB_DOT_ONE_SHIFT 0
#endif

#endif
