/** The table of a scan over types. */
#ifndef NIB_TOOLS_SCAN_REPORT_H
#define NIB_TOOLS_SCAN_REPORT_H

#include <stdio.h>

#include "tools/quantize.h"

typedef struct nib_scan_report nib_scan_report;

/** Begins with the scores of the session's model itself, by its own evaluation.
 *  @param scan  must outlive the report */
NIB_MUST_USE nib_status nib_scan_report_create(nib_scan_report **report, const nib_session *session,
                                               const nib_scan *scan, nib_error *err);
void nib_scan_report_destroy(nib_scan_report *report);

/** Note the scores of value `index`. */
void nib_scan_report_add(nib_scan_report *report, int index, const nib_quantize_types *types,
                         const nib_quantized *quantized);

/** The headline scores of the test part (of validation where there is none), as a table or JSON. */
NIB_MUST_USE nib_status nib_scan_report_print(const nib_scan_report *report, FILE *out, bool json,
                                              nib_error *err);
/** All scores of all parts. Errors: NIB_ERR_IO. */
NIB_MUST_USE nib_status nib_scan_report_csv(const nib_scan_report *report, const char *path, nib_error *err);
/** The first headline score beside the loss against the scanned value, the model itself as a line. */
NIB_MUST_USE nib_status nib_scan_report_plot(const nib_scan_report *report, const char *path, nib_error *err);

#endif
