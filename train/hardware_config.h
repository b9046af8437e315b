/** The sections `hls:` and `target:` of a config: how the hardware is built, in hls4ml's words, and what it
 * must fit into. Training does not depend on them.
 *
 *      hls: {backend: Vitis, part: xcvu13p-flga2577-2-e, clock_period: 5, io_type: io_parallel,
 *            default: {strategy: Latency, reuse_factor: 1}, layers: {fc1: {strategy: Resource, reuse_factor:
 * 4}}} target: {device: xcvu13p, clock_ns: 2.7, max_latency_ns: 100, max_lut_percent: 20}
 */
#ifndef NIB_TRAIN_HARDWARE_CONFIG_H
#define NIB_TRAIN_HARDWARE_CONFIG_H

#include "core/document.h"
#include "quant/cost.h"

typedef struct nib_hls_layer {
    const char *name; /**< of a layer; NULL: the default */
    nib_fix_order strategy;
    bool distributed; /**< distributed_arithmetic: shifts and adds; the order is that of Latency */
    int64_t reuse_factor;
} nib_hls_layer;

typedef struct nib_hls_config {
    bool present;
    const char *backend; /**< of hls4ml: "Vitis", ... */
    const char *part;    /**< an FPGA part or device */
    double clock_period; /**< ns */
    bool stream;         /**< io_stream, else io_parallel */
    nib_hls_layer defaults;
    int n_layers;
    nib_hls_layer *layer;
} nib_hls_config;

/** Limits of target: a number of quant/cost.h, in its unit or in per cent of the device. */
typedef enum nib_target_limit {
    NIB_TARGET_LATENCY_NS,
    NIB_TARGET_LATENCY_CYCLES,
    NIB_TARGET_II,
    NIB_TARGET_LUT_PERCENT,
    NIB_TARGET_FF_PERCENT,
    NIB_TARGET_DSP_PERCENT,
    NIB_TARGET_BRAM_PERCENT, /**< BRAM18, or the larger of M20K and MLAB */
    NIB_TARGET_EBOPS,
    NIB_TARGET_LIMITS
} nib_target_limit;

typedef struct nib_target_config {
    bool present;
    const nib_device *device;        /**< target.device, else that of hls.part, else NULL */
    double clock_ns;                 /**< target.clock_ns, else hls.clock_period */
    double limit[NIB_TARGET_LIMITS]; /**< < 0: none */
} nib_target_config;

/** "max_latency_ns", ... */
const char *nib_target_limit_name(nib_target_limit limit);

/** What the cost gives for a limit: the number to hold against it. NaN: the device has none of it, or there
 * is no device. */
double nib_target_value(nib_target_limit limit, const nib_cost *cost, const nib_device *device);

/** hls4ml's word for the strategy of the dense nodes of a layer. */
const char *nib_hls_strategy(const nib_hls_config *hls, const char *layer);

/** Give the dense nodes of a net their reuse factors and orders. The order matters to what a net computes
 * only where an accumulator that the user gave can overflow or round. */
void nib_hls_apply(const nib_hls_config *hls, nib_fixnet *net);

#endif
